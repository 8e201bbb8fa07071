import type { ComponentChildren } from "preact";
import { Mark } from "./icons";

/** The pages of the web interface, in the order of the navigation. */
const pages = [
  { name: "Voice", address: "/" },
  { name: "Fleet", address: "/fleet" },
  { name: "Jobs", address: "/jobs" },
];

/** A link to another page of this gateway opens beside this one; as its opener shares the session storage, it has the tab's key. */
export const beside = { target: "_blank", rel: "opener" };

interface HeaderProps {
  page: string;
  /** The page must not be left: links open beside it, with the tab's key. */
  stays?: boolean;
  /** The page's own state, at the right. */
  children?: ComponentChildren;
}

/** The top of every page. */
export function Header({ page, stays, children }: HeaderProps) {
  const way = stays ? beside : {};
  return (
    <header class="header">
      <a class="wordmark" href="/" {...way}>
        <Mark />
        <span class="wordmark-name">Switchboard</span>
      </a>
      <nav class="nav" aria-label="Pages">
        {pages.map(({ name, address }) => (
          <a key={name} href={address} {...way} {...(name === page && { "aria-current": "page" as const })}>
            {name}
          </a>
        ))}
        <a href="/docs" {...way}>
          API
        </a>
      </nav>
      <div class="header-state">{children}</div>
    </header>
  );
}
