// Package configuration handles the session object of OpenAI's Realtime API: it accepts the
// beta's form ([NormalizeConfig]), hides secrets from clients, logs and the store
// ([HideSecrets]) and puts them back ([Completed]), and works out what the next upstream is
// sent ([NextConfig], [Without]).
package configuration
