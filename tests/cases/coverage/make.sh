#!/usr/bin/env bash
# Records the coverage reports beside this script with the tools that write them in the wild:
# coverage.py, c8 and nyc (npm), go test, JaCoCo (Maven). Run it anywhere; it works in a temporary
# folder. PYTHON names an interpreter that has coverage and pytest.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d)
# The roots of the projects, for tests that put them elsewhere.
echo "$work/py $work/js $work/java" >"$here/roots.txt"
trap 'rm -rf "$work"' EXIT

keep() { # keep REPORT FORMAT/CASE/NAME
    mkdir -p "$here/$(dirname "$2")"
    cp "$1" "$here/$2"
}

# One project in Python: branches, a class, an excluded line, a file that no test imports.
mkdir -p "$work/py/src/shop" "$work/py/tests"
cp "$here/source/basket.py" "$here/source/unused.py" "$work/py/src/shop/"
touch "$work/py/src/shop/__init__.py"
cp "$here/source/test_basket.py" "$work/py/tests/"
(
    cd "$work/py"
    for mode in lines branches; do
        flag=$([ $mode = branches ] && echo --branch || true)
        "$python" -m coverage erase
        PYTHONPATH=src "$python" -m coverage run $flag --source=src -m pytest -q -p no:cacheprovider tests
        "$python" -m coverage json -o coverage.json
        "$python" -m coverage xml -o coverage.xml
        "$python" -m coverage lcov -o coverage.lcov
        keep .coverage "coverage-data/$mode/report.coverage"
        keep coverage.json "coverage-json/$mode/report.json"
        keep coverage.xml "cobertura/coverage-py-$mode/report.xml"
        keep coverage.lcov "lcov/coverage-py-$mode/report.lcov"
    done
)

# One in JavaScript, measured by V8 (c8) and by instrumentation (nyc).
mkdir -p "$work/js/lib"
cp "$here/source/price.js" "$work/js/lib/"
cp "$here/source/price.test.js" "$work/js/"
(
    cd "$work/js"
    echo '{"name": "price", "version": "1.0.0"}' >package.json
    npm install --silent --no-audit --no-fund c8@10.1.3 nyc@17.1.0 >/dev/null
    all="--reporter=lcovonly --reporter=clover --reporter=cobertura"
    for tool in c8 nyc; do
        [ $tool = c8 ] && folder=--reports-dir || folder=--report-dir
        npx $tool $all $folder "out-$tool" --include 'lib/**' node --test
        keep "out-$tool/lcov.info" "lcov/$tool/report.info"
        keep "out-$tool/clover.xml" "clover/$tool/report.xml"
        keep "out-$tool/cobertura-coverage.xml" "cobertura/$tool/report.xml"
    done
)

# One in Go.
mkdir -p "$work/go/stack"
cp "$here/source/stack.go" "$here/source/stack_test.go" "$work/go/stack/"
(
    cd "$work/go"
    printf 'module example.com/tools\n\ngo 1.21\n' >go.mod
    GOFLAGS=-mod=mod GOTOOLCHAIN=local go test -coverprofile=set.out ./...
    GOFLAGS=-mod=mod GOTOOLCHAIN=local go test -covermode=atomic -coverprofile=atomic.out ./...
    keep set.out go/set/report.out
    keep atomic.out go/atomic/report.out
)

# One in Java.
mkdir -p "$work/java/src/main/java/com/example" "$work/java/src/test/java/com/example"
cp "$here/source/pom.xml" "$work/java/"
cp "$here/source/Grade.java" "$work/java/src/main/java/com/example/"
cp "$here/source/GradeTest.java" "$work/java/src/test/java/com/example/"
(
    cd "$work/java"
    mvn -q -B -Djacoco.sessionId=recorded test jacoco:report
    keep target/site/jacoco/jacoco.xml jacoco/maven/report.xml
)
