# One id is one request with one answer, however often it comes; another body is a conflict.
nodes a b ram 8GiB
a holds 5GiB at b as x
  => held
a repeats x
  => held
a repeats x with 6GiB
  => same id, other request
b shows the holds
  => x: 5GiB at b, pending
a confirms x
  => granted
  -> a peer has a copy
a repeats x
  => held
a repeats x with 6GiB
  => same id, other request
a releases x
  => released
a repeats x
  => too late
b shows the holds
  => none
everyone verifies
  => every log verifies
