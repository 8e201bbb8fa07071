// The few icons of the pages, drawn on a grid of 20. They are decoration: the control beside them has the words.

import type { ComponentChildren } from "preact";

function Icon({ children }: { children: ComponentChildren }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 28 20" aria-hidden="true" focusable="false">
      <path class="mark-cord" d="M5 8v2.5C5 15 9 18 14 18s9-3 9-7.5V8" />
      <circle class="mark-you" cx="5" cy="5" r="3" />
      <circle class="mark-them" cx="23" cy="5" r="3" />
    </svg>
  );
}

export const MicrophoneIcon = () => (
  <Icon>
    <rect x="7" y="2" width="6" height="10" rx="3" />
    <path d="M4 9.5a6 6 0 0 0 12 0M10 15.5V18" />
  </Icon>
);

export const MutedIcon = () => (
  <Icon>
    <path d="M13 8.5V5a3 3 0 0 0-5.7-1.3M7 7v2a3 3 0 0 0 4.5 2.6M4 9.5a6 6 0 0 0 9.3 5M16 9.5c0 1-.2 1.9-.6 2.7M10 15.5V18M3 2.5l14 15" />
  </Icon>
);

export const StopIcon = () => (
  <Icon>
    <rect x="5" y="5" width="10" height="10" rx="1.5" />
  </Icon>
);

export const SendIcon = () => (
  <Icon>
    <path d="M10 16.5v-13M4.5 9 10 3.5 15.5 9" />
  </Icon>
);

export const EndIcon = () => (
  <Icon>
    <path d="M2.5 12.5c0-2 3.4-4 7.5-4s7.5 2 7.5 4v1.2a1 1 0 0 1-1.2 1l-2.6-.5a1 1 0 0 1-.8-1v-1.4a9 9 0 0 0-5.8 0v1.4a1 1 0 0 1-.8 1l-2.6.5a1 1 0 0 1-1.2-1z" />
  </Icon>
);

export const CallIcon = () => (
  <Icon>
    <path d="M5 3h2.3a1 1 0 0 1 1 .8l.6 2.7a1 1 0 0 1-.5 1.1L7 8.4a9 9 0 0 0 4.6 4.6l.8-1.4a1 1 0 0 1 1.1-.5l2.7.6a1 1 0 0 1 .8 1V15a2 2 0 0 1-2 2C8.9 17 3 11.1 3 5a2 2 0 0 1 2-2z" />
  </Icon>
);

export const FunctionIcon = () => (
  <Icon>
    <path d="M7 4.5 2.5 10 7 15.5M13 4.5l4.5 5.5-4.5 5.5" />
  </Icon>
);

export const DownIcon = () => (
  <Icon>
    <path d="M10 3.5v13M4.5 11l5.5 5.5 5.5-5.5" />
  </Icon>
);
