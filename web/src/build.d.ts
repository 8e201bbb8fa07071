// Written into the bundle by build.mjs.

/** Addresses of the built worklets, with their hashes. */
declare const CAPTURE_WORKLET: string;
declare const PLAYER_WORKLET: string;
