// Package figures counts durations in histograms without a lock, and prints numbers as tables.
package figures
