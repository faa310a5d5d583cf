// Command overhead is a server with one small handler, bare or traced, for
// bench/overhead in Clew's repository.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	clew "github.com/clewhq/clew/instrument"
	"github.com/clewhq/clew/instrument/clewhttp"
)

type order struct {
	ID    string   `json:"id"`
	Items []string `json:"items"`
	Total float64  `json:"total"`
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(order{r.PathValue("id"), []string{"tea", "pot", "cup"}, 42.5})
	})
	var handler http.Handler = mux
	if len(os.Args) > 1 && os.Args[1] == "traced" {
		if _, err := clew.Setup(context.Background()); err != nil {
			log.Fatal(err)
		}
		handler = clewhttp.Handler(mux)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	log.Fatal(http.Serve(l, handler))
}
