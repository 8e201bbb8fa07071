// Package program starts the programs that are measured, waits until they answer, stops or kills them, and reads what they
// cost: CPU time and memory of a process with its descendants.
package program
