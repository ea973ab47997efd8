//go:build linux

// Package doctor finds what is wrong in one place, how bad that is, and what to type about it.
//
// Each check is a file: its facts, the look that gathers them, and the judgement that makes
// findings of them. A look may touch the disk and processes, but changes nothing. A judgement
// depends on its facts alone, so that tests can give it any (TestJudgementsLookAtNothing). Nothing
// that could not be seen counts as good: it is a finding of its own.
//
// The checks, in the order in which findings are printed, and what they share:
//
//	look.go        the look before the checks
//	facts.go       what is known before the checks; findings.go: what they say alike
//	supervisor.go  can s6 do its work here
//	role.go        may anything start here
//	scandir.go     is the scandir one, and what goes on in it
//	manifest.go    is the manifest right
//	plan.go        would an apply change anything, and has s6-svscan room for it
//	users.go       which accounts are missing, and what this one cannot see
//	home.go        can gateways and loggers work in HERMES_HOME
//	absent.go      which profiles hermes does not know
//	ports.go       which processes listen on the ports of gateways
//	gateways.go    which gateways are not as they should be
//	refusal.go     which of them a hermes refused to start, and in what words
//	commands.go    which commands end other gateways
//	leftovers.go   what interrupted applies have left
//	strays.go      which processes have outlived their gateways
//	ownership.go   what others could change
//	multiplex.go   which profiles have a second gateway in the root one
//	claims.go      which profiles hermes has parked, or serves by another gateway
//	tokens.go      which profiles use one token that only one gateway can use
package doctor

import (
	"context"
	"errors"

	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/reconcile/pace"
)

// check is one kind of look: its name, as findings have it, and what it finds.
type check struct {
	name string
	look func(ctx context.Context, p *Facts) ([]explain.Finding, error)
}

// checks are all of them, in the order in which findings are printed.
var checks = []check{
	{supervisorCheck, lookAtSupervisor},
	{supervisorCheck, lookAtRole},
	{scandirCheck, lookAtScandir},
	{manifestCheck, lookAtManifest},
	{manifestCheck, lookAtCommands},
	{planCheck, lookAtPlan},
	{usersCheck, lookAtUsers},
	{homeCheck, lookAtHome},
	{homeCheck, lookAtAbsent},
	{multiplexCheck, lookAtMultiplex},
	{claimsCheck, lookAtClaims},
	{tokensCheck, lookAtTokens},
	{gatewaysCheck, lookAtGateways},
	{gatewaysCheck, lookAtStrays},
	{portsCheck, lookAtPorts},
	{leftoversCheck, lookAtLeftovers},
	{ownershipCheck, lookAtOwnership},
}

// Findings makes all checks, one after the other. A check that fails is a finding, and keeps none
// of the others from being made.
func Findings(ctx context.Context, p *Facts) []explain.Finding {
	var all []explain.Finding
	for _, c := range checks {
		found, err := pace.WithinLimit(ctx, func() ([]explain.Finding, error) { return c.look(ctx, p) })
		if err != nil {
			found = []explain.Finding{notChecked(c.name, "all", err.Error())}
		}
		all = append(all, found...)
	}
	return all
}

// errScandirUnread is why what is in the scandir was not looked at: the look at the scandir says
// the cause.
var errScandirUnread = errors.New("the scandir cannot be read")
