package config

import (
	"fmt"
	"strings"
)

// Reference returns docs/configuration.md.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range Default().settings() {
		def := "empty"
		if text := s.value.String(); text != "" {
			def = "`" + text + "`"
		}
		fmt.Fprintf(&b, "\n## `%s`\n\n%s\n\n%s · default %s · `--%s` · `%s`\n",
			s.name, s.doc, s.value.kind(), def, s.name, envName(s.name))
	}
	return b.String()
}

const referenceHead = `# Settings of ` + "`clew serve`" + `

<!-- Generated from config/config.go by: go test ./config -update -->

Every setting has one name. It can be given as a flag, as an environment variable, or in a YAML file that ` + "`--config`" + ` or
` + "`CLEW_CONFIG`" + ` names. A flag wins over the environment, the environment over the file, and the file over the default. In the
file the dots of a name are levels:

` + "```yaml" + `
data-dir: /var/lib/clew
listen:
  http: 0.0.0.0:16686
  tempo: off
retention:
  age: 30d
  size: 200GiB
` + "```" + `

Unknown names are errors, in the file as in the environment. An empty environment variable counts as not set.
` + "`clew config check FILE`" + ` checks a file; ` + "`clew config print`" + ` takes the same flags as ` + "`clew serve`" + ` and prints what
it would use and where each value comes from.

Durations are written as ` + "`200ms`, `90m`, `36h` or `7d`" + `; sizes as ` + "`64MiB` (1024-based) or `50GB`" + ` (1000-based). No listener
encrypts or asks who calls: let only trusted networks reach them.
`
