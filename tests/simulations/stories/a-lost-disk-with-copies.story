# The journal is gone; two peers have copies. What was booked is gathered from them.
nodes a b c ram 8GiB
also on shell processes
a reserves 5GiB at c as x
  => granted
  -> a peer has a copy
advance 1s
kill c
lose the disk of c
start c
  -> c standing: quarantine: the journal knows epoch 0, the marker 1: the disk went back in time
c stands
  => quarantine
  -> the journal knows epoch 0, the marker 1: the disk went back in time
c shows the holds
  => none
until c stands open
  -> within 40 s
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
  -> c standing: open
c shows the holds
  => x: 5GiB at c, posted
until b sees c alive
  -> at once
b reserves 5GiB at c as y
  => refused
  -> Nowhere: none of 3 nodes fits now.
also on shell processes
everyone verifies
  => every log verifies
