// Package clewsql traces what goes to a database through database/sql:
//
//	db, err := clewsql.Open("sqlite", "file:shop.db")
package clewsql

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/XSAM/otelsql"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Open opens a database as sql.Open does. A span is named after what a
// statement does, such as SELECT orders, and has its text with a question mark
// for every literal; there are none for connecting, preparing and reading rows.
// The options are those of otelsql, which this package wraps.
func Open(driverName, dataSource string, opts ...otelsql.Option) (*sql.DB, error) {
	return otelsql.Open(driverName, dataSource, append(defaults(driverName), opts...)...)
}

// OpenDB opens a database by its connector, as sql.OpenDB does. The system is one of
// OpenTelemetry's names for database systems, such as postgresql.
func OpenDB(system string, c driver.Connector, opts ...otelsql.Option) *sql.DB {
	return otelsql.OpenDB(c, append(defaults(system), opts...)...)
}

// systems are OpenTelemetry's names of what drivers lead to.
var systems = map[string]string{
	"postgres": "postgresql", "pgx": "postgresql", "pq": "postgresql", "pgx/v5": "postgresql",
	"sqlite3": "sqlite", "sqlserver": "microsoft.sql_server", "mssql": "microsoft.sql_server",
	"oracle": "oracle.db", "godror": "oracle.db",
}

func defaults(driverName string) []otelsql.Option {
	system := systems[driverName]
	if system == "" {
		system = driverName
	}
	d := dialectOf(system)
	return []otelsql.Option{
		otelsql.WithAttributes(semconv.DBSystemNameKey.String(system)),
		otelsql.WithSpanOptions(otelsql.SpanOptions{
			DisableErrSkip:       true,
			DisableQuery:         true, // recorded without literals instead
			OmitConnResetSession: true,
			OmitConnPrepare:      true,
			OmitRows:             true,
			OmitConnectorConnect: true,
		}),
		otelsql.WithSpanNameFormatter(func(_ context.Context, method otelsql.Method, query string) string {
			if s := d.summary(query); s != "" {
				return s
			}
			return string(method)
		}),
		otelsql.WithAttributesGetter(func(_ context.Context, _ otelsql.Method, query string, _ []driver.NamedValue) []attribute.KeyValue {
			if query == "" {
				return nil
			}
			attrs := []attribute.KeyValue{semconv.DBQueryText(d.withoutLiterals(query))}
			if s := d.summary(query); s != "" {
				attrs = append(attrs, semconv.DBQuerySummary(s))
			}
			return attrs
		}),
	}
}
