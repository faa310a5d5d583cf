package doctor

import "time"

// Status is what a server tells of itself: where it listens, and the settings that may keep spans out.
type Status struct {
	Version string `json:"version"`
	// Time is the server's clock when it answers, in unix nanoseconds.
	Time       uint64     `json:"timeUnixNano,string"`
	Started    uint64     `json:"startedUnixNano,string"`
	PathPrefix string     `json:"pathPrefix"`
	Listeners  []Listener `json:"listeners"` // all that there are, sorted by name
	Kafka      *Kafka     `json:"kafka,omitempty"`
	Budgets    Budgets    `json:"budgets"`
	// Retention is after how long spans are dropped; 0 is never.
	Retention time.Duration `json:"retentionNanos,string"`
}

// Listener is a port of the server.
type Listener struct {
	Name    string `json:"name"`
	Network string `json:"network"` // tcp or udp
	// Address is where it listens; "" if it is off.
	Address string `json:"address"`
}

// Kafka is what a server reads from Kafka.
type Kafka struct {
	Brokers  []string `json:"brokers"`
	Topics   []string `json:"topics"`
	Group    string   `json:"group"`
	Encoding string   `json:"encoding"`
	TLS      bool     `json:"tls"`
	// Password: the brokers ask for one, which is not told.
	Password bool `json:"password"`
}

// Budgets are sizes in bytes.
type Budgets struct {
	Head     int64 `json:"headBytes,string"`
	InFlight int64 `json:"inFlightBytes,string"`
	// DiskFree is what may still be written; -1 if it is not known.
	DiskFree int64 `json:"diskFreeBytes,string"`
}

// Listener returns the listener of a name; its address is "" if there is none.
func (s *Status) Listener(name string) Listener {
	for _, l := range s.Listeners {
		if l.Name == name {
			return l
		}
	}
	return Listener{Name: name}
}
