// What every event has, by its type: the required members and their JSON types, as the
// API's reference documents them. This is the check that needs nothing else; it knows no
// more of items, responses and sessions than the table behind the events.

const item = { type: 'string' };
const ofResponse = { response_id: 'string', output_index: 'integer' };
const ofItem = { ...ofResponse, item_id: 'string' };
const ofPart = { ...ofItem, content_index: 'integer' };
const ofTranscription = { item_id: 'string', content_index: 'integer' };

export const server = {
  error: { error: { type: 'string', message: 'string' } },
  'session.created': { session: { type: 'string' } },
  'session.updated': { session: { type: 'string' } },
  'conversation.created': { conversation: 'object' },
  'conversation.item.added': { item },
  'conversation.item.created': { item },
  'conversation.item.done': { item },
  'conversation.item.retrieved': { item },
  'conversation.item.deleted': { item_id: 'string' },
  'conversation.item.truncated': { item_id: 'string', content_index: 'integer', audio_end_ms: 'integer' },
  'conversation.item.input_audio_transcription.completed': { ...ofTranscription, transcript: 'string', usage: 'object' },
  'conversation.item.input_audio_transcription.delta': { item_id: 'string' },
  'conversation.item.input_audio_transcription.failed': { ...ofTranscription, error: 'object' },
  'conversation.item.input_audio_transcription.segment': { ...ofTranscription, text: 'string', id: 'string', speaker: 'string', start: 'number', end: 'number' },
  'input_audio_buffer.cleared': {},
  'input_audio_buffer.committed': { item_id: 'string' },
  'input_audio_buffer.speech_started': { item_id: 'string', audio_start_ms: 'integer' },
  'input_audio_buffer.speech_stopped': { item_id: 'string', audio_end_ms: 'integer' },
  'input_audio_buffer.timeout_triggered': { item_id: 'string', audio_start_ms: 'integer', audio_end_ms: 'integer' },
  'rate_limits.updated': { rate_limits: 'array' },
  'response.created': { response: { id: 'string', status: 'string', output: 'array' } },
  'response.done': { response: { id: 'string', status: 'string', output: 'array' } },
  'response.output_item.added': { ...ofResponse, item },
  'response.output_item.done': { ...ofResponse, item },
  'response.content_part.added': { ...ofPart, part: { type: 'string' } },
  'response.content_part.done': { ...ofPart, part: { type: 'string' } },
  'response.output_text.delta': { ...ofPart, delta: 'string' },
  'response.output_text.done': { ...ofPart, text: 'string' },
  'response.output_audio.delta': { ...ofPart, delta: 'string' },
  'response.output_audio.done': ofPart,
  'response.output_audio_transcript.delta': { ...ofPart, delta: 'string' },
  'response.output_audio_transcript.done': { ...ofPart, transcript: 'string' },
  'response.function_call_arguments.delta': { ...ofItem, call_id: 'string', delta: 'string' },
  'response.function_call_arguments.done': { ...ofItem, call_id: 'string', name: 'string', arguments: 'string' },
  'mcp_list_tools.in_progress': { item_id: 'string' },
  'mcp_list_tools.completed': { item_id: 'string' },
  'mcp_list_tools.failed': { item_id: 'string' },
};
for (const members of Object.values(server)) members.event_id = 'string';

export const client = {
  'session.update': { session: { type: 'string' } },
  'conversation.item.create': { item },
  'conversation.item.delete': { item_id: 'string' },
  'conversation.item.retrieve': { item_id: 'string' },
  'conversation.item.truncate': { item_id: 'string', content_index: 'integer', audio_end_ms: 'integer' },
  'input_audio_buffer.append': { audio: 'string' },
  'input_audio_buffer.clear': {},
  'input_audio_buffer.commit': {},
  'output_audio_buffer.clear': {},
  'response.cancel': {},
  'response.create': {},
};

const is = {
  string: (v) => typeof v === 'string',
  number: (v) => typeof v === 'number',
  integer: Number.isInteger,
  array: Array.isArray,
  object: (v) => typeof v === 'object' && v !== null && !Array.isArray(v),
};

/** What is wrong with an event that goes in direction dir; '' if nothing is. */
export function wrong(dir, event) {
  const members = (dir === 'c2s' ? client : server)[event.type];
  return members ? wrongMembers(members, event, '') : 'is of an unknown type';
}

function wrongMembers(members, value, path) {
  for (const [name, kind] of Object.entries(members)) {
    const at = `${path}/${name}`;
    const nested = typeof kind === 'object';
    if (!is[nested ? 'object' : kind](value[name])) return `${at} is not of type ${nested ? 'object' : kind}`;
    const inner = nested && wrongMembers(kind, value[name], at);
    if (inner) return inner;
  }
  return '';
}
