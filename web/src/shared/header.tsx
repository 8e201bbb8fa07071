import type { ComponentChildren } from "preact";
import { Mark } from "./icons";

/** The pages of the web interface, in the order of the navigation. */
const pages = [
  { name: "Voice", address: "/" },
  { name: "Fleet", address: "/fleet" },
  { name: "Jobs", address: "/jobs" },
];

/** The top of every page; `children` is the page's own state, at the right. */
export function Header({ page, children }: { page: string; children?: ComponentChildren }) {
  return (
    <header class="header">
      <a class="wordmark" href="/">
        <Mark />
        <span class="wordmark-name">Switchboard</span>
      </a>
      <nav class="nav" aria-label="Pages">
        {pages.map(({ name, address }) => (
          <a key={name} href={address} {...(name === page && { "aria-current": "page" as const })}>
            {name}
          </a>
        ))}
        <a href="/docs">API</a>
      </nav>
      <div class="header-state">{children}</div>
    </header>
  );
}
