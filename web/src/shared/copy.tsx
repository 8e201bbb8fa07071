import { useSignal } from "@preact/signals";

/** Copies a text, or what is read for it; `what` it is, for those who do not see what it stands beside. */
export function Copy({ text, what }: { text: string | (() => string | Promise<string>); what: string }) {
  const said = useSignal("Copy");
  const copy = async () => {
    said.value = (await copyText(text)) ? "Copied" : "Select it to copy";
    setTimeout(() => (said.value = "Copy"), 2_000);
  };
  return (
    <button class="link small" type="button" onClick={copy}>
      {said}
      <span class="visually-hidden"> {what}</span>
    </button>
  );
}

/** Reports whether it could; browsers allow it only over https or on localhost. */
async function copyText(text: string | (() => string | Promise<string>)): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(typeof text === "string" ? text : await text());
    return true;
  } catch {
    return false;
  }
}
