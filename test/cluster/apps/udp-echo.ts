// Sends back every datagram.
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => socket.send(message, port, address))
socket.bind(Number(process.argv[2] ?? 9000), () => console.log('listening'))
