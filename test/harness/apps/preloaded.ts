// Becomes the Node program of its arguments, with the library of WEFT_PRELOAD loaded into that process and no other.
const { WEFT_PRELOAD: library, ...env } = process.env
if (library === undefined) throw new Error('WEFT_PRELOAD is not set: write the path of a library')
process.execve!(process.execPath, [process.execPath, ...process.argv.slice(2)], {
  ...env,
  LD_PRELOAD: library,
})
