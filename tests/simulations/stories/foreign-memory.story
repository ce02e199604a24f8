# What programs use that nobody asked about is not free, whatever the books say.
nodes a b ram 8GiB
also on shell
foreign 4GiB at b
advance 6s
a asks where 5GiB fits at b
  => nowhere
  -> not b: not enough room
a reserves 5GiB at b as x
  => refused
  -> Nowhere: none of 2 nodes fits now.
also on shell
a reserves 3GiB at b as y
  => granted
  -> a peer has a copy
foreign 0GiB at b
advance 6s
a reserves 5GiB at b as z
  => granted
  -> a peer has a copy
b shows the holds
  => y: 3GiB at b, posted
  => z: 5GiB at b, posted
everyone verifies
  => every log verifies
