// Package ui holds the web pages. They are written in TypeScript; "make ui"
// builds them into dist/app, which the program embeds if it is there.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the built pages: index.html, and below assets/ what it loads,
// each file also as .gz and .br. It returns nil if they were not built.
func Files() fs.FS {
	app, err := fs.Sub(dist, "dist/app")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(app, "index.html"); err != nil {
		return nil
	}
	return app
}
