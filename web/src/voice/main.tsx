import { mount } from "../shared/mount";
import { App } from "./app";
import { Call } from "./call";
import { exposeDebugView } from "./debug";
import { listenForShortcuts } from "./shortcuts";

const call = new Call({ capture: CAPTURE_WORKLET, player: PLAYER_WORKLET });
exposeDebugView(call);
listenForShortcuts(call);
mount(<App call={call} />);
