// Whether somebody speaks, by how loud the microphone is.

/** Quietest level taken for speech; root mean square of full scale. */
const quietestSpeech = 0.01;

/** Speech is this much louder than the noise before it. */
const overNoise = 3;

export class VoiceLevel {
  private noise = quietestSpeech;

  /** Takes the level of the last 40 ms and reports whether it is that of a voice. */
  isVoice(level: number): boolean {
    this.noise = level < this.noise ? level : Math.min(this.noise * 1.002, quietestSpeech);
    return level > Math.max(quietestSpeech, this.noise * overNoise);
  }
}
