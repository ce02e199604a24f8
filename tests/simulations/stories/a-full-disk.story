# What cannot be written is not promised: an owner without any room on its disk stays, says nothing
# that it has not written, and goes on where it was when there is room.
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
b sees c
  -> alive
free the disk of c
advance 5s
  -> c standing: disk_full: there is next to no room on the disk
  -> c standing: open
until c stands open
  -> at once
until everyone sees everyone
  -> at once
advance 60s
c shows the holds
  => x: 1GiB at c, posted
b reserves 1GiB at c as z
  => granted
  -> a peer has a copy
everyone verifies
  => every log verifies
