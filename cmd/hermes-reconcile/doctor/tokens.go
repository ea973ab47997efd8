//go:build linux

package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"path"
	"slices"
	"strings"

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
	key := make([]byte, 32) // bytes: as long as the digest
	if _, err := rand.Read(key); err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	f, own := tokenFacts{}, p.own()
	profiles := slices.DeleteFunc(p.profiles(), func(profile manifest.Profile) bool {
		return !slices.Contains(own, profile.Name)
	})
	files := p.dotenvTokens(ctx, key, profiles, &f.Unknown)
	var uses []tokens.Use
	for i := range profiles {
		of := usesOf{&profiles[i], files[profiles[i].Name], key, p.containerVariable, &f.Unknown}
		for _, variable := range tokens.Exclusive {
			uses = append(uses, of.use(variable))
		}
	}
	f.Shared, f.Profiles = tokens.Find(uses), len(profiles)
	return judgeTokens(f), nil
}

// dotenvTokens are the digests of tokens in the .env files of profiles, by profile.
func (p *Facts) dotenvTokens(
	ctx context.Context,
	key []byte,
	profiles []manifest.Profile,
	unknown *grouped,
) map[string]map[string]string {
	if _, why := p.homesClosed(); why != "" {
		for _, profile := range profiles {
			unknown.add(".env was not read: "+why, profile.Name)
		}
		return nil
	}
	p.Homes.Users = p.users()
	var open []string
	for _, profile := range profiles {
		if why := p.cannotBe(p.Homes.Users[profile.Name]); why != "" {
			unknown.add(".env was not read: "+why, profile.Name)
		} else {
			open = append(open, profile.Name)
		}
	}
	answer := p.Homes.Ask(ctx, open, func(theirs []string) home.Request {
		return home.Request{Tokens: theirs, Variables: tokens.Exclusive, Key: key}
	})
	for _, profile := range open {
		if _, told := answer.Tokens[profile]; !told {
			unknown.add(".env could not be read", profile)
		}
	}
	return answer.Tokens
}

// usesOf finds which tokens one profile uses. What its .env says goes before its environment.
type usesOf struct {
	*manifest.Profile
	files     map[string]string // digests of what its .env says
	key       []byte
	container func(variable string) string
	unknown   *grouped
}

// use is the value of one variable that reaches hermes, as a digest, and where it stands.
func (u usesOf) use(variable string) tokens.Use {
	use := tokens.Use{Profile: u.Name, Variable: variable}
	if digest, set := u.files[variable]; set {
		use.Same, use.From = digest, ".env"
		return use
	}
	for _, s := range u.Secrets {
		if s.Name == variable {
			use.Same, use.From = u.ofFile(s), "secrets"
			return use
		}
	}
	for _, v := range u.Env {
		if v.Name == variable {
			use.Same, use.From = tokens.Digest(u.key, v.Value), "env"
			return use
		}
	}
	if u.Says(variable) { // unset drops it
		return use
	}
	if use.Same, use.From = u.ofFolder(variable), "secrets_dir"; use.Same != "" {
		return use
	}
	if use.Same, use.From = u.ofEnvFiles(variable), "env_file"; use.Same != "" {
		return use
	}
	use.Same, use.From = tokens.Digest(u.key, u.container(variable)), "the container"
	return use
}

// ofFolder is the digest of a variable in secrets_dir; empty where there is none.
func (u usesOf) ofFolder(variable string) string {
	if u.SecretsDir == "" {
		return ""
	}
	return u.ofFile(manifest.Secret{Name: variable, File: path.Join(u.SecretsDir, variable)})
}

// ofEnvFiles is the digest of a variable in the last .env file that has it; empty where none has.
func (u usesOf) ofEnvFiles(variable string) string {
	for _, file := range slices.Backward(u.EnvFiles) {
		data, _, err := safefile.ReadOwn(file, home.MaxSettings)
		if err != nil && !safefile.IsAbsent(err) {
			u.unknown.add(fmt.Sprintf("env_file cannot be read: %v", safefile.Cause(err)), u.Name)
		}
		if value, set := dotenv.Parse(data)[variable]; set {
			return tokens.Digest(u.key, value)
		}
	}
	return ""
}

// ofFile is the digest of a secret, without what ./run drops: a byte order mark and one line end.
func (u usesOf) ofFile(s manifest.Secret) string {
	data, _, err := safefile.ReadOwn(s.File, maxToken)
	if err != nil {
		if !safefile.IsAbsent(err) { // a gateway without its secret does not start
			u.unknown.add(fmt.Sprintf("secret %s cannot be read: %v", s.Name, safefile.Cause(err)),
				u.Name)
		}
		return ""
	}
	text := strings.TrimPrefix(string(data), "\uFEFF")
	return tokens.Digest(u.key, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
}
