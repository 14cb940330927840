// The page's own server: these files, and the feed's address put into them. FEED and PORT say where.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const feed = (process.env.FEED ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const port = Number(process.env.PORT ?? 3000);
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' };
const files = new Set([
  '/index.html', '/sse.html', '/feed.js', '/feed.css',
  '/node_modules/htmx.org/dist/htmx.min.js',
  '/node_modules/htmx-ext-ws/dist/ws.min.js',
  '/node_modules/htmx-ext-sse/dist/sse.min.js',
]);
const policy = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src ${feed} ${feed.replace(/^http/, 'ws')}`;

const server = createServer(async (request, response) => {
  const path = request.url === '/' ? '/index.html' : request.url;
  if (!files.has(path)) return response.writeHead(404).end();
  const type = types[path.split('.').at(-1)];
  let body = await readFile(new URL(`.${path}`, import.meta.url));
  if (path === '/index.html') body = body.toString().replaceAll('{{feed}}', feed.replace(/^http/, 'ws'));
  if (path === '/sse.html') body = body.toString().replaceAll('{{feed}}', feed);
  response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(body);
});
server.listen(port, '127.0.0.1', () => console.log(`page on http://127.0.0.1:${server.address().port}`));
