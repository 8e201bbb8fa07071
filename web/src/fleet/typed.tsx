// A text that filters a list, and stands in the address.

import { useEffect, useRef } from "preact/hooks";
import { filter, queryOf } from "./route";

interface TypedProps {
  section: Parameters<typeof filter>[0];
  /** Of the parameter in the address; the field's ID, too. */
  name: string;
  label: string;
  placeholder: string;
  /** Only when it is complete. */
  onEnter?: boolean;
}

/** While one types, the list follows a moment later. */
const typedMs = 250;

/** The list begins with its first page again. */
export function Typed({ section, name, label, placeholder, onEnter }: TypedProps) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const field = useRef<HTMLInputElement>(null);
  const value = queryOf(section).get(name) ?? "";
  const apply = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() !== value) filter(section, { [name]: text.trim(), after: undefined });
  };
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (field.current && field.current.value.trim() !== value) field.current.value = value;
  }, [value]);
  return (
    <div class="group">
      <label class="label" for={name}>
        {label}
      </label>
      <input
        class="field"
        id={name}
        type="search"
        maxLength={200}
        autocomplete="off"
        spellcheck={false}
        placeholder={placeholder}
        ref={field}
        defaultValue={value}
        onChange={(e) => apply(e.currentTarget.value)}
        onInput={(e) => {
          const text = e.currentTarget.value;
          clearTimeout(timer.current);
          if (!onEnter || text === "") timer.current = setTimeout(() => apply(text), typedMs);
        }}
      />
    </div>
  );
}
