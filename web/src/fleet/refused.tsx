import { setApiKey } from "../shared/key";
import { Empty } from "../shared/parts";

/** Shown to a key whose role does not suffice. */
export function Refused({ role, title, lead }: { role: "operator" | "admin"; title: string; lead: string }) {
  return (
    <>
      <h1 class="visually-hidden">{title}</h1>
      <Empty title={`${title} need an ${role}.`}>
        <p class="lead">
          {role === "operator" && "This key sees and steers the sessions that it opened itself. "}
          {lead}, use a key with the role {role}.
        </p>
        <p>
          <button class="button" type="button" onClick={() => setApiKey("")}>
            Use another key
          </button>
        </p>
      </Empty>
    </>
  );
}
