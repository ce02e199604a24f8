# Somebody puts an old copy of the disk back: the booking made since is not on it, but a peer has it.
nodes a b c ram 8GiB
also on shell processes
copy the disk of c
a reserves 5GiB at c as x
  => granted
  -> a peer has a copy
advance 1s
kill c
set back the disk of c
start c
  -> c standing: quarantine: the journal ends at block 1, the marker had seen block 3
until everyone sees everyone
  -> at once
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
b reserves 5GiB at c as y
  => refused
  -> Nowhere: none of 3 nodes fits now.
also on shell processes
until c stands open
  -> within 40 s
  -> c standing: open
c shows the holds
  => x: 5GiB at c, posted
everyone verifies
  => every log verifies
