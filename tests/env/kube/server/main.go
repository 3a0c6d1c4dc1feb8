// Command server is the server side of the local cluster in one binary: kube-apiserver, etcd and a small set of the
// real controllers. It acts as the program it is called as (a symlink's name, or `server NAME ...`): one link step and
// one copy of the packages they share. With the build tag controllersonly it holds the controllers alone.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var programs = map[string]func(){
	"kube-controllers": controllers,
	"gen-sa-key":       generateServiceAccountKey,
}

func main() {
	name := filepath.Base(os.Args[0])
	if len(os.Args) > 1 && programs[os.Args[1]] != nil {
		os.Args = os.Args[1:]
		name = os.Args[0]
	}
	run := programs[name]
	if run == nil {
		fmt.Fprintf(os.Stderr, "server: no program %q\n", name)
		os.Exit(2)
	}
	run()
}
