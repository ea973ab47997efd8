package manifest

// giveReady checks what the profile and defaults say of its readiness together, and drops it where
// there is nothing to ask: defaults speak of those profiles that have a port.
func (r *reader) giveReady(p *Profile, e *entry, defaults *settings) {
	own := e.settings.ready
	asked := own.state == given
	inherits := own.state == absent && defaults.ready.state == given
	http := choose(own.value.http, defaults.ready.value.http, "")
	at := e.path.Key("ready")
	switch {
	case asked && http.state == absent:
		r.FaultAt(own.at, at,
			"http is missing (want the path that answers once the gateway serves, such as /health)")
	case asked && !e.hasPort():
		r.FaultAt(own.at, at,
			"asks the gateway on its port, but the profile has none (want a port, or no ready)")
	}
	if !asked && !inherits || p.Ready.HTTP == "" || p.Port == 0 {
		p.Ready = nil
	}
}
