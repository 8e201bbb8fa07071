import { render } from "preact";
import { App } from "./app";
import { Store } from "./store";

const store = new Store();
store.followKey();
render(<App store={store} />, document.getElementById("app") as HTMLElement);
