# Whoever holds and is never heard of again keeps nobody out for long.
nodes a b c ram 8GiB
also on shell processes
a holds 5GiB at c as x
  => held
c shows the holds
  => x: 5GiB at c, pending
kill a
b reserves 5GiB at c as y
  => refused
  -> every candidate refused (c: not enough ram)
also on shell processes
until c shows x gone
  -> within 40 s
  -> b peer.suspect: a: it does not answer
  -> b peer.dead: a: no word from the node itself for 6 s
  -> c peer.suspect: a: it does not answer
  -> c peer.dead: a: no word from the node itself for 6 s
until c sees a dead
  -> at once
b asks where 5GiB fits at c
  => at c
b reserves 5GiB at c as z
  => granted
  -> a peer has a copy
start a
  -> a standing: open
until everyone sees everyone
  -> at once
  -> b peer.restarted: a: a new run of the same node
  -> c peer.restarted: a: a new run of the same node
a shows the holds
  => z: 5GiB at c, posted
everyone verifies
  => every log verifies
