# After a power cut nothing proves what the owner promised: it grants nothing until nobody can rely
# on a lease that it forgot. Bookings stay.
nodes a b c ram 8GiB
also on shell processes
a reserves 3GiB at c as x
  => granted
  -> a peer has a copy
cut the power of c
start c
  -> c standing: quarantine: there is no marker: a reboot, a first start, or a new folder
c stands
  => quarantine
  -> there is no marker: a reboot, a first start, or a new folder
until everyone sees everyone
  -> at once
  -> a peer.restarted: c: a new run of the same node
  -> b peer.restarted: c: a new run of the same node
b reserves 2GiB at c as y
  => refused
  -> Nowhere: none of 3 nodes fits now.
also on shell processes
advance 20s
c stands
  => quarantine
  -> there is no marker: a reboot, a first start, or a new folder
until c stands open
  -> within 40 s
  -> c standing: open
c shows the holds
  => x: 3GiB at c, posted
until b sees c alive
  -> at once
b reserves 2GiB at c as z
  => granted
  -> a peer has a copy
everyone verifies
  => every log verifies
