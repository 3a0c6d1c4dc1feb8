# Sourced by setup.sh: puts the further clients of the client matrix in place, in $dir/matrix.
#
#   venv/bin/python    runs python/matrix_*.py: OpenAI's, Anthropic's and LangChain's packages
#   go-client, rust-client
#   java/              jars and classes of Ask.java; absent without a JDK and Maven, which nothing else here needs
#
# The Rust and Go programs are compiled: about four minutes the first time on two cores, and 350 MB of disk.

# Runs install_NAME unless it has run and neither this file nor the given ones have changed: part NAME FILES...
part() {
    name=$1
    shift
    stamp=$(cat "$here/matrix.sh" "$@" | checksum)
    if [ "$(cat "$matrix/$name.ready" 2>/dev/null || true)" != "$stamp" ]; then
        say "installing the clients for $name into $matrix"
        rm -f "$matrix/$name.ready"
        "install_$name"
        echo "$stamp" >"$matrix/$name.ready"
    fi
}

install_python() {
    rm -rf "$matrix/venv"
    quietly "$python" -m venv "$matrix/venv"
    quietly "$matrix/venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-compile \
        -r "$here/requirements-matrix.txt"
}

install_go() {
    quietly env CGO_ENABLED=0 go build -C "$here/go" -trimpath -ldflags '-s -w' -o "$matrix/go-client" .
}

install_rust() {
    quietly env CARGO_TARGET_DIR="$matrix/target" CARGO_INCREMENTAL=0 \
        cargo build --locked --manifest-path "$here/rust/Cargo.toml"
    mv "$matrix/target/debug/aigw-client-rust" "$matrix/rust-client"
    rm -rf "$matrix/target"
}

install_java() {
    rm -rf "$matrix/java"
    quietly mvn --batch-mode --quiet --file "$here/java/pom.xml" dependency:copy-dependencies \
        "-DoutputDirectory=$matrix/java/lib"
    quietly javac -cp "$matrix/java/lib/*" -d "$matrix/java/classes" "$here/java/Ask.java"
}

install_matrix() {
    for tool in go cargo; do
        if ! command -v "$tool" >/dev/null 2>&1; then
            say "$tool is needed for a client of the matrix"
            exit 3
        fi
    done
    matrix=$dir/matrix
    mkdir -p "$matrix"
    part python "$here/requirements-matrix.txt"
    part go "$here/go/go.mod" "$here/go/go.sum" "$here/go/main.go"
    part rust "$here/rust/Cargo.toml" "$here/rust/Cargo.lock" "$here/rust/src/main.rs"
    if command -v javac >/dev/null 2>&1 && command -v mvn >/dev/null 2>&1; then
        part java "$here/java/pom.xml" "$here/java/Ask.java"
    else
        say "no javac or no mvn: without the AWS SDK for Java"
    fi
}
