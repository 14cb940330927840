// Your product's server: its page, and tokens for those who are signed in to it. FEED, PORT and SECRET_FILE say where.
import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';

const feed = (process.env.FEED ?? 'http://127.0.0.1:8080').replace(/\/$/, '');
const port = Number(process.env.PORT ?? 3000);
const secret = (await readFile(process.env.SECRET_FILE ?? 'activity-feed.db.secret', 'utf8')).trimEnd();
const types = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css' };
const socket = feed.replace(/^http/, 'ws');
const policy = `default-src 'none'; script-src 'self' ${feed}; style-src 'self'; connect-src 'self' ${feed} ${socket}`;

/** A JWT that lets its bearer see tasks and agents for ten minutes (RFC 7519, HS256). */
const mint = (subject) => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const claims = { sub: subject, scope: 'subscribe', types: ['task.*', 'agent.*'], exp };
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

const server = createServer(async (request, response) => {
  if (request.method === 'POST' && request.url === '/feed-token') {
    // Your own session decides here who may see the feed. This demo lets everybody on this machine.
    return response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end(mint('visitor'));
  }
  const path = request.url === '/' ? '/index.html' : request.url;
  if (!['/index.html', '/page.js', '/page.css'].includes(path)) return response.writeHead(404).end();
  const body = (await readFile(new URL(`.${path}`, import.meta.url), 'utf8')).replaceAll('{{feed}}', feed);
  const type = types[path.split('.').at(-1)];
  response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(body);
});
// Another host than the feed's, and so the origin to allow.
server.listen(port, '127.0.0.1', () => console.log(`page on http://localhost:${server.address().port}`));
