//go:build linux

package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"hermes-reconcile/cmd/hermes-reconcile/dotenv"
	"hermes-reconcile/cmd/hermes-reconcile/explain"
	"hermes-reconcile/cmd/hermes-reconcile/home"
	"hermes-reconcile/cmd/hermes-reconcile/tokens"
	"hermes-reconcile/manifest"
	"hermes-reconcile/s6ctl/safefile"
)

const tokensCheck = "tokens"

// maxToken is the longest secret file that is compared, in bytes. Tokens have less than 200.
const maxToken = 128 << 10

// tokenFacts are the tokens that gateways use, and what could not be looked at.
type tokenFacts struct {
	Shared   []tokens.Shared
	Profiles int // that were looked at
	Unknown  grouped
}

// judgeTokens reports which profiles use the same token. No value is known here.
func judgeTokens(f tokenFacts) []explain.Finding {
	n := notes{check: tokensCheck}
	for _, s := range f.Shared {
		var names []string
		for _, u := range s.Uses {
			names = append(names, u.Profile+" ("+u.From+")")
		}
		n.add(
			explain.LevelWarning,
			s.Variable,
			"give each profile a token of its own, or set state: down for all but one",
			"%d profiles use the same value, and only one gateway at a time can: %s",
			len(names),
			listing(names),
		)
	}
	for _, text := range f.Unknown.texts {
		n.unknown("profiles", "%s (%s)", text, listing(f.Unknown.names[text]))
	}
	if !n.bad() {
		n.ok("profiles", "no token of a chat service is used twice by %s",
			explain.Count(f.Profiles, "gateway"))
	}
	return n.list
}

// lookAtTokens compares the tokens of gateways that run or should. Values from .env files are
// compared by digests, which the user of each makes. The key is in memory alone.
func lookAtTokens(ctx context.Context, p *Facts) ([]explain.Finding, error) {
	f, own := tokenFacts{}, p.own()
	profiles := slices.DeleteFunc(p.profiles(), func(profile manifest.Profile) bool {
		return !slices.Contains(own, profile.Name)
	})
	files := p.dotenvTokens(ctx, profiles, &f.Unknown)
	var uses []tokens.Use
	for i := range profiles {
		of := p.sourcesOf(&profiles[i], files, &f.Unknown)
		for _, variable := range tokens.Exclusive {
			uses = append(uses, of.Use(variable))
		}
	}
	f.Shared, f.Profiles = tokens.Find(uses), len(profiles)
	return judgeTokens(f), nil
}

// dotenvTokens are the digests of tokens in the .env files of profiles, by profile.
func (p *Facts) dotenvTokens(
	ctx context.Context,
	profiles []manifest.Profile,
	unknown *grouped,
) map[string]map[string]string {
	_, closed := p.homesClosed()
	if closed != "" {
		for _, profile := range profiles {
			unknown.add(".env was not read: "+closed, profile.Name)
		}
		return nil
	}
	answer := p.inspected(ctx)
	for _, profile := range profiles {
		if _, told := answer.Tokens[profile.Name]; told {
			continue
		}
		if why := answer.Found[profile.Name].Unknown; why != "" {
			unknown.add(".env was not read: "+why, profile.Name)
		} else {
			unknown.add(".env could not be read", profile.Name)
		}
	}
	return answer.Tokens
}

// sourcesOf are what the tokens of a profile come from. digests are those of .env files.
func (p *Facts) sourcesOf(
	of *manifest.Profile, digests map[string]map[string]string, unknown *grouped,
) tokens.Sources {
	return tokens.Sources{
		Profile: of, Dotenv: digests[of.Name], EnvFiles: readEnvFiles(of, unknown), Key: p.key(),
		Container: func(variable string) string {
			value, err := p.containerVariable(variable)
			if err != nil {
				unknown.add(fmt.Sprintf("what the container sets is not known: %v", err), of.Name)
			}
			return value
		},
		Secret: func(s manifest.Secret) string {
			data, _, err := safefile.ReadOwn(s.File, maxToken)
			if err != nil && !safefile.IsAbsent(err) { // a gateway without its secret does not start
				unknown.add(fmt.Sprintf("secret %s cannot be read: %v", s.Name, safefile.Cause(err)),
					of.Name)
			}
			if err != nil {
				return ""
			}
			return string(data)
		},
	}
}

// readEnvFiles reads the files of env_file. A later file wins.
func readEnvFiles(of *manifest.Profile, unknown *grouped) map[string]string {
	env := map[string]string{}
	for _, file := range of.EnvFiles {
		data, _, err := safefile.ReadOwn(file, home.MaxSettings)
		if err != nil && !safefile.IsAbsent(err) {
			unknown.add(fmt.Sprintf("env_file cannot be read: %v", safefile.Cause(err)), of.Name)
		}
		maps.Copy(env, dotenv.Parse(data))
	}
	return env
}
