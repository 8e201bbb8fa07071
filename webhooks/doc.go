// Package webhooks is everything beside the sessions: it receives OpenAI's webhooks, keeps and handles them, follows batches and
// fine-tuning jobs, passes events on to subscribers, and tells people.
//
// Create a [Server] with [New], mount its Routes on the gateway's engine, call Run, and Publish what happens in sessions.
//
//	delivery -> Receiver (verify) -> intake (gather) -> inbox (queue) -> subscribers, then Router -> handler
//
// The parts, each a package of its own:
//
//	queue    work that is kept until it is done: the inbox, deliveries, watches, smoke tests, notices
//	batch    OpenAI's batches: submit, watch, results, retry
//	tune     fine-tuning jobs: watch, metrics, smoke test, mark
//	fanout   subscriptions and signed deliveries
//	notify   chat, mail and log
//	records  last known states of objects that live at OpenAI
//	live     changes as server-sent events
//	wake     tells all nodes at once that something changed
//	spool    files on their way to OpenAI
//	seal     encrypts secrets that are kept in Redis
//
// A handler may run more than once for an event and sees events in any order: see [Handler]. docs/webhooks.md is for those who operate it.
package webhooks
