;; Imports one interface of key-value stores twice, under the labels `cache` and `sessions`. `<label>-has` and `<label>-put` open `identifier`
;; there and tell whether `key` has a value, or give it one: 0 is no, 1 yes, 2 that the store does not open, 3 another error.
(component
  (import "cache" (implements "wasi:keyvalue/store@0.2.0-draft") (instance $cache
    (export "bucket" (type $bucket (sub resource)))
    (type $cases (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $cases)))
    (export "[method]bucket.exists" (func (param "self" (borrow $bucket)) (param "key" string) (result (result bool (error $error)))))
    (export "[method]bucket.set"
      (func (param "self" (borrow $bucket)) (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))
  (import "sessions" (implements "wasi:keyvalue/store@0.2.0-draft") (instance $sessions
    (export "bucket" (type $bucket (sub resource)))
    (type $cases (variant (case "no-such-store") (case "access-denied") (case "other" string)))
    (export "error" (type $error (eq $cases)))
    (export "[method]bucket.exists" (func (param "self" (borrow $bucket)) (param "key" string) (result (result bool (error $error)))))
    (export "[method]bucket.set"
      (func (param "self" (borrow $bucket)) (param "key" string) (param "value" (list u8)) (result (result (error $error)))))
    (export "open" (func (param "identifier" string) (result (result (own $bucket) (error $error)))))))

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

  (core func $cache-open (canon lower (func $cache "open") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $cache-exists
    (canon lower (func $cache "[method]bucket.exists") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $cache-set (canon lower (func $cache "[method]bucket.set") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $sessions-open (canon lower (func $sessions "open") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $sessions-exists
    (canon lower (func $sessions "[method]bucket.exists") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $sessions-set (canon lower (func $sessions "[method]bucket.set") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $main-module
    (import "libc" "memory" (memory 1))
    (import "cache" "open" (func $cache-open (param i32 i32 i32)))
    (import "cache" "exists" (func $cache-exists (param i32 i32 i32 i32)))
    (import "cache" "set" (func $cache-set (param i32 i32 i32 i32 i32 i32)))
    (import "sessions" "open" (func $sessions-open (param i32 i32 i32)))
    (import "sessions" "exists" (func $sessions-exists (param i32 i32 i32 i32)))
    (import "sessions" "set" (func $sessions-set (param i32 i32 i32 i32 i32 i32)))

    (func (export "cache-has") (param $name i32) (param $name-bytes i32) (param $key i32) (param $key-bytes i32) (result i32)
      (call $cache-open (local.get $name) (local.get $name-bytes) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 2))))
      (call $cache-exists (i32.load (i32.const 20)) (local.get $key) (local.get $key-bytes) (i32.const 48))
      (if (i32.load8_u (i32.const 48)) (then (return (i32.const 3))))
      (i32.load8_u (i32.const 52)))
    (func (export "cache-put") (param $name i32) (param $name-bytes i32) (param $key i32) (param $key-bytes i32) (result i32)
      (call $cache-open (local.get $name) (local.get $name-bytes) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 2))))
      (call $cache-set (i32.load (i32.const 20))
        (local.get $key) (local.get $key-bytes) (local.get $key) (local.get $key-bytes) (i32.const 48))
      (select (i32.const 3) (i32.const 1) (i32.load8_u (i32.const 48))))
    (func (export "sessions-has") (param $name i32) (param $name-bytes i32) (param $key i32) (param $key-bytes i32) (result i32)
      (call $sessions-open (local.get $name) (local.get $name-bytes) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 2))))
      (call $sessions-exists (i32.load (i32.const 20)) (local.get $key) (local.get $key-bytes) (i32.const 48))
      (if (i32.load8_u (i32.const 48)) (then (return (i32.const 3))))
      (i32.load8_u (i32.const 52)))
    (func (export "sessions-put") (param $name i32) (param $name-bytes i32) (param $key i32) (param $key-bytes i32) (result i32)
      (call $sessions-open (local.get $name) (local.get $name-bytes) (i32.const 16))
      (if (i32.load8_u (i32.const 16)) (then (return (i32.const 2))))
      (call $sessions-set (i32.load (i32.const 20))
        (local.get $key) (local.get $key-bytes) (local.get $key) (local.get $key-bytes) (i32.const 48))
      (select (i32.const 3) (i32.const 1) (i32.load8_u (i32.const 48)))))
  (core instance $main (instantiate $main-module
    (with "libc" (instance $libc))
    (with "cache" (instance
      (export "open" (func $cache-open)) (export "exists" (func $cache-exists)) (export "set" (func $cache-set))))
    (with "sessions" (instance
      (export "open" (func $sessions-open)) (export "exists" (func $sessions-exists)) (export "set" (func $sessions-set))))))

  (func (export "cache-has") (param "identifier" string) (param "key" string) (result u32)
    (canon lift (core func $main "cache-has") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "cache-put") (param "identifier" string) (param "key" string) (result u32)
    (canon lift (core func $main "cache-put") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "sessions-has") (param "identifier" string) (param "key" string) (result u32)
    (canon lift (core func $main "sessions-has") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "sessions-put") (param "identifier" string) (param "key" string) (result u32)
    (canon lift (core func $main "sessions-put") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc")))))
