// Socket.IO: what is posted is emitted to every client. WebSocket only, no HTTP request kept for a connection: what its
// documentation advises for many connections.
'use strict';

const { createServer } = require('node:http');
const { Server } = require('socket.io');

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    io.emit('event', JSON.parse(Buffer.concat(pieces)));
    response.end('{}');
  });
});
const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
io.engine.on('connection', (connection) => {
  connection.request = null;
});

server.listen({ host: '127.0.0.1', port: Number(process.argv[2]), backlog: 4096 });
