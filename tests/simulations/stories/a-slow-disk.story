# A disk that takes a second for each write makes answers late, and none of them early.
nodes a b ram 8GiB
also on shell
slow the disk of b to 1s
a reserves 5GiB at b as x
  => granted
  -> a peer has a copy
kill b
start b
  -> b standing: open
b shows the holds
  => x: 5GiB at b, posted
a sees b
  -> alive
until a sees b alive
  -> at once
a releases x
  => released
  -> a peer.restarted: b: a new run of the same node
until b shows x gone
  -> at once
everyone verifies
  => every log verifies
