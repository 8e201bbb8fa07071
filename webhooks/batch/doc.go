// Package batch submits, watches, reads and retries batches of OpenAI's Batch API.
//
// Files of 200 MB pass through it line by line: an upload is checked into a temporary file before OpenAI sees any of it,
// results are streamed. A batch's state comes from the API only; webhooks and the watch are reasons to fetch it.
package batch
