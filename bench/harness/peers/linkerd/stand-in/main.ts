import { ServerCredentials } from '@grpc/grpc-js'
import { type StandInConfiguration, standInAddress } from './configuration.ts'
import { standInServer } from './server.ts'

const configuration = JSON.parse(process.argv[2] ?? '') as StandInConfiguration
standInServer(configuration).bindAsync(standInAddress, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error
  console.log(`listening on ${standInAddress}`)
})
