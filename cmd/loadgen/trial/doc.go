// Package trial runs a fleet of gateways under load, takes parts of it away and looks for what was lost: the commands
// "loadgen trial" and "loadgen intake". A trial is one file, trial_*.go; clients, crowds, couriers and subscribers put the
// load on, abusers do their worst.
package trial
