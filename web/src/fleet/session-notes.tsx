import type { Note, NotesOutputBody } from "../schema";
import { Ago } from "../shared/parts";
import { type PartProps, Problem, pathOf, usePart } from "./part";
import { TextForm } from "./text-form";

/** What people wrote about a session, also when it has ended. */
export function Notes({ store, session, watch }: PartProps) {
  const id = session.session_id;
  const { answer, problem, again } = usePart<NotesOutputBody>(store, () => {
    watch.notes.value; // read anew when somebody has written one
    return pathOf(id, "/notes");
  });
  const add = (text: string) =>
    store.attempt("The note could not be written", async () => {
      await store.send<Note>("POST", pathOf(id, "/notes"), { text });
      store.said.value = "The note is written";
      again();
      return true;
    });
  const notes = answer.value?.notes;
  return (
    <section class="part" aria-label="Notes" data-testid="notes">
      <Problem what="The notes cannot be read" problem={problem.value} />
      {notes && !notes.length && <p class="help">No note yet.</p>}
      {notes && notes.length > 0 && (
        <ol class="notes">
          {notes.map((n) => (
            <li key={n.id}>
              <p class="note-text">{n.text}</p>
              <p class="help small">
                {n.by}, <Ago at={n.at} />
              </p>
            </li>
          ))}
        </ol>
      )}
      <TextForm
        id="note"
        title="Write a note"
        label="New note"
        submit="Write the note"
        draft={store.drafts.of(id, "note")}
        most={4_000}
        send={add}
        help="Whoever may look at this session sees it. The caller never does."
      />
    </section>
  );
}
