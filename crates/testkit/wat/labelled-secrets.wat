;; Imports two secrets by their names, and answers what they are by `read-<name>`.
(component
  (import "wasmcloud:secrets/store@2.1.0" (instance $store
    (export "secret" (type (sub resource)))
    (type $cases (variant (case "string" string) (case "bytes" (list u8))))
    (export "secret-value" (type (eq $cases)))))
  (alias export $store "secret" (type $secret))
  (alias export $store "secret-value" (type $value))
  (import "wasmcloud:secrets/reveal@2.1.0" (instance $reveal
    (alias outer 1 $secret (type $outer-secret))
    (export "secret" (type $secret (eq $outer-secret)))
    (alias outer 1 $value (type $outer-value))
    (export "secret-value" (type $value (eq $outer-value)))
    (export "reveal" (func async (param "s" (borrow $secret)) (result $value)))))
  (import "api-token" (implements "wasmcloud:secrets/secret@2.1.0") (instance $api-token
    (alias outer 1 $secret (type $outer))
    (export "secret" (type $secret (eq $outer)))
    (export "get" (func async (result (own $secret))))))
  (import "signing-key" (implements "wasmcloud:secrets/secret@2.1.0") (instance $signing-key
    (alias outer 1 $secret (type $outer))
    (export "secret" (type $secret (eq $outer)))
    (export "get" (func async (result (own $secret))))))

  (core module $libc-module
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $old-bytes i32) (param $align i32) (param $bytes i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $bytes)))
      (local.get $at)))
  (core instance $libc (instantiate $libc-module))
  (core func $reveal (canon lower (func $reveal "reveal") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $get-api-token (canon lower (func $api-token "get")))
  (core func $get-signing-key (canon lower (func $signing-key "get")))
  (core module $main-module
    (import "libc" "memory" (memory 1))
    (import "" "reveal" (func $reveal (param i32 i32)))
    (import "" "api-token" (func $get-api-token (result i32)))
    (import "" "signing-key" (func $get-signing-key (result i32)))
    (func (export "api-token") (result i32)
      (call $reveal (call $get-api-token) (i32.const 16))
      ;; Behind the case lies the text, which is the answer.
      (i32.const 20))
    (func (export "signing-key") (result i32)
      (call $reveal (call $get-signing-key) (i32.const 16))
      ;; Behind the case lies the text, which is the answer.
      (i32.const 20)))
  (core instance $main (instantiate $main-module
    (with "libc" (instance $libc))
    (with "" (instance (export "reveal" (func $reveal)) (export "api-token" (func $get-api-token)) (export "signing-key" (func $get-signing-key))))))
  (func (export "read-api-token") async (result string)
    (canon lift (core func $main "api-token") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "read-signing-key") async (result string)
    (canon lift (core func $main "signing-key") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
