// Package tune follows fine-tuning jobs and tries out what comes of them.
//
// When a job has succeeded, the new model is asked a configured question (the smoke test); its answer is kept beside the
// job and decides whether the model is a candidate or on hold until a person marks it.
package tune
