/** A worklet could not be loaded: the gateway that serves it does not answer. */
export class WorkletMissing extends Error {}

export async function addWorklet(context: AudioContext, address: string): Promise<void> {
  try {
    await context.audioWorklet.addModule(address);
  } catch (error) {
    throw new WorkletMissing(`worklet ${address}: ${error}`);
  }
}
