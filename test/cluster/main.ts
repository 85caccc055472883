// `npm run test:cluster`: makes a Kubernetes cluster, installs what was built from this checkout into it as a user
// would, runs the cases of this folder, and removes the cluster.
import { run } from './command.ts'

process.exitCode = await run(process.argv.slice(2))
