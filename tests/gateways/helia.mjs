// Helia, a client that is not ours and checks every block, reads a file from a gateway and writes it to standard output.
//
//   node tests/gateways/helia.mjs http://127.0.0.1:8080 CID
import './promises.mjs'
const { createHeliaHTTP } = await import('@helia/http')
const { trustlessGateway } = await import('@helia/block-brokers')
const { httpGatewayRouting } = await import('@helia/routers')
const { unixfs } = await import('@helia/unixfs')
const { CID } = await import('multiformats/cid')

const [gateway, cid] = process.argv.slice(2)
if (!cid) {
  console.error('usage: helia.mjs GATEWAY CID')
  process.exit(2)
}
const helia = await createHeliaHTTP({
  blockBrokers: [trustlessGateway({ allowInsecure: true, allowLocal: true })],
  routers: [httpGatewayRouting({ gateways: [gateway] })]
})
for await (const bytes of unixfs(helia).cat(CID.parse(cid), { signal: AbortSignal.timeout(30_000) })) {
  if (!process.stdout.write(bytes)) await new Promise(resolve => process.stdout.once('drain', resolve))
}
await helia.stop()
// Its timers would keep the process.
process.stdout.end(() => process.exit(0))
