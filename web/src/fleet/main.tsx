import { mount } from "../shared/mount";
import { App } from "./app";
import { Store } from "./store";

const store = new Store();
store.followKey();
mount(<App store={store} />);
