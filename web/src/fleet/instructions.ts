// The instructions of a session: its own, and the broadcasts that stand on top of them.

import type { Broadcast } from "./types";

export interface Instructions {
  own: string;
  /** Broadcasts in force that are part of what the session has, in their order. */
  standing: Broadcast[];
}

/** Takes a session's instructions apart; `broadcasts` are those that are known, newest first. A broadcast is put behind a blank line. */
export function takeApart(effective: string, broadcasts: readonly Broadcast[]): Instructions {
  let own = effective;
  const standing: Broadcast[] = [];
  for (const b of broadcasts) {
    if (b.withdrawn_at) continue;
    const behind = `\n\n${b.instructions}`;
    if (own.endsWith(behind)) own = own.slice(0, -behind.length);
    else if (own === b.instructions) own = "";
    else continue;
    standing.unshift(b);
  }
  return { own, standing };
}
