/** Why a certificate authority cannot be used, and what to do about it. Never holds anything of a key or a password. */
export class PluggedCaRefused extends Error {
  override readonly name = 'PluggedCaRefused'
}
