# Sourced by setup.sh: puts the further clients of the client matrix in place, in $dir/matrix.
#
#   venv/bin/python    runs python/matrix_*.py: OpenAI's, Anthropic's and LangChain's packages
#   go-client, rust-client
#   java/              jars and classes of Ask.java; absent without a JDK and Maven, which nothing else here needs
#
# The Rust and Go programs are compiled: about four minutes the first time on two cores, and 350 MB of disk.

matrix_stamp() {
    {
        cat "$here/matrix.sh" "$here/requirements-matrix.txt" "$here"/go/go.* "$here"/go/*.go "$here"/java/*
        cat "$here/rust/Cargo.toml" "$here/rust/Cargo.lock" "$here"/rust/src/*.rs
        go version
        rustc --version
        if has_jdk; then java -version 2>&1; fi
    } | checksum
}

has_jdk() {
    command -v javac >/dev/null 2>&1 && command -v mvn >/dev/null 2>&1
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
    stamp=$(matrix_stamp)
    if [ "$(cat "$matrix/ready" 2>/dev/null || true)" = "$stamp" ]; then
        return
    fi
    rm -rf "$matrix"
    mkdir "$matrix"
    say "installing the other clients into $matrix (once, about 350 MB)"
    quietly "$python" -m venv "$matrix/venv"
    quietly "$matrix/venv/bin/python" -m pip install --disable-pip-version-check --no-deps --no-compile \
        -r "$here/requirements-matrix.txt"
    quietly env CGO_ENABLED=0 go build -C "$here/go" -trimpath -ldflags '-s -w' -o "$matrix/go-client" .
    quietly env CARGO_TARGET_DIR="$matrix/target" CARGO_INCREMENTAL=0 \
        cargo build --locked --manifest-path "$here/rust/Cargo.toml"
    mv "$matrix/target/debug/aigw-client-rust" "$matrix/rust-client"
    rm -rf "$matrix/target"
    if has_jdk; then
        quietly mvn --batch-mode --quiet --file "$here/java/pom.xml" dependency:copy-dependencies \
            "-DoutputDirectory=$matrix/java/lib" "-DbuildDirectory=$matrix/java/build"
        quietly javac -cp "$matrix/java/lib/*" -d "$matrix/java/classes" "$here/java/Ask.java"
    else
        say "no javac or no mvn: without the AWS SDK for Java"
    fi
    echo "$stamp" >"$matrix/ready"
}
