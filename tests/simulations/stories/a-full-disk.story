# What cannot be written is not promised: an owner without room on its disk stops, loudly.
nodes a b c ram 8GiB
also on shell
a reserves 1GiB at c as x
  => granted
  -> a peer has a copy
fill the disk of c
b reserves 1GiB at c as y
  => refused
  -> every candidate refused (c: the owner did not answer)
advance 10s
  -> a peer.suspect: c: it does not answer
  -> a peer.dead: c: no word from the node itself for 5 s
  -> b peer.suspect: c: it does not answer
  -> b peer.dead: c: no word from the node itself for 5 s
b sees c
  -> dead
free the disk of c
start c
  -> c standing: open
c shows the holds
  => x: 1GiB at c, posted
until c stands open
  -> at once
until everyone sees everyone
  -> at once
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
b reserves 1GiB at c as z
  => granted
  -> a peer has a copy
everyone verifies
  => every log verifies
