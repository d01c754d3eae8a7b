"""Codestreams of High-Throughput JPEG 2000: nothing that the product depends on writes them.

Made once with OpenJPH from the two generated pictures that `values` and `words` describe, so that
the tests hold no image of anybody else's.
"""

import base64

import numpy as np

ROWS, COLUMNS = 40, 64
INSIDE = (slice(6, 15), slice(11, 34))


def values(name: str) -> np.ndarray:
    """Return the picture that a codestream was made of: a ramp, with stripes where the text is."""
    top = {"16": 65_535, "LOSSY_8": 200}.get(name if name == "LOSSY_8" else name[-2:], 255)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    made = (x + y) * top // 416 + top // 4
    made[INSIDE] = ((x * 7 + y * 3) // 5 % 2)[INSIDE] * top
    if name == "RGB_8":
        return np.stack([made] * 3, axis=-1).astype(np.uint8)
    if name == "SIGNED_16":
        return (made - 32_768).astype(np.int16)
    if name == "LOSSY_8":
        return (made + 20).astype(np.uint8)
    return made.astype(np.uint16 if top > 255 else np.uint8)


def codestream(name: str) -> bytes:
    """Return the bytes of one frame."""
    return base64.b85decode("".join(_CODED[name].split()))


# 208 x 48: "MILLER 1961" at 24 pixels, light on dark.
WORDS = "WORDS"

_CODED = {
    "GREY_8": """
|4;u>04YEK0000$0000e00000000000000$0000e0000000000009R90sl|{2mk^A00092QUDA90ssL31q1{@0smY86Cg-XP
*6}%P*6}%P*6}vNJ#%=02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00004p#TB@lfWnQ>Mj5wlmNgJz!E?bfCdfs00T4tq7
pLz)&RkD0KgTH1zZ7CYv2_%0Q~}e*y(lvBY>cwL;C<ACY1nFzz7w90LV)<0KgXP0dK$-_yaN-)P`=&e{fJRdJzBs#35JV_AR
{xbG#8Vod7kq6&DvtFpD4z$^ZZWBu(G|uXU~a)n%gqwizp)0E<Sg=}At=$ZG-tfXV;>fuI7_22-V)FpF`*027`7z!#yw7pp)
Qv49b#!W+P(DMrTxgMi&+@)ZK}(&28F4hKyjHn0fe!Lx800005}A<T@KsA6VzUk)bVGS`&j`Z(yV#*%(=Vgyqi0RXZ=1wIU+
A`XiIAP@lXEKD#kI(H}iz}9ZjK>#2G05}W)C;$Ws0t5g60000Gf{2g@Exb`{yLh0l&0JH@6!TXTSVq~n<E7zLv%gOTNFc!k4
denZfEfiB4Js4Y3-uaK2srEu1k}x7qQi%fg=Wv>FS)&-Az&aGgb)J+BoLs%!hnZ>i-90fev>@=fc{ah7v!B%_>a@O(qB#OIe
AmU>4pt-m(x`eJX??c5C;fC0FZ+%cmlvLv>+Gg90L6XA{0dcpoZti<LUfxf%J5Ee1P!y?C}EW`S4f+1pvTN3cn6NzYag29UV
S?9e#ctem)%?K4f<Qu%_?R)8Xa!>F3em;nUN><=5#4(&0hS1c37R@%RAv@aO^Q_)q`<00000000000N@W6TV-U37Vtk^hBn*
F;>})Q>#2$hHF<-srYUUI<_@};qN?);T})8UVC$d>mup#>XvF!0uBU&_N33=7>Tw-)H+uQYdsoh<XI)G{XvPIHV;B_Oh+s?P
-@3dwY96G1>hR_U000000ATuscji~=VDWkFaPVvOlj)H0N$mi5W*q<k0Cf6p55EpSzYag2jt(Ec4nMyRKc5}_9$<X{0001+=
r8qg>45QD^^@pG^`Yso@hkPi=)U}50RR910000000000000000000000000000000000000000000000002+25?mx*0qi};t
HVIOl4J7TwQh9Ol3_ml~q-7b=PGvl~t1}s;c7auF7L7t1YUks^aUe%3~_4IkKv%;_I%PQ!1-D;~J{s>#mqZ-v#C_rmil!?6W
I*UcO-b?0MaF*-Ri{Mlb=8#sYy50N}T0zkdAsr_F7+qTj!NJ>Lfgm|+G8+kSoe`SI7^=hyegU!Q({{{Maa`uhB%^$8#Y8~_0
5v)^Cee*XOR>+7#?Uw?i3`SYh=Uw?i3^4$->00RQ}vikbz+s~h$et-P?`uzI#^XI4EAAf!NSOWqKF#rSt0000G2mk<q001yx
h8bXh3^Tw0H_QM7Oqc-%nBzDI4ua$02DPnYtZ@ZVt!UONs;uXWvY5)Ms;sK2tmlien98cExTeKf&lhDel~q-7bv0Sf7iBS(R
aJ3y)Y;D$WigdiRdIFKXRC{{n9AxQ^N=o4#o0_{Rn$ENcnPQHl*Uz31w|OZRERJn2?Phko4NH*nrW?ze*O9NPnp~Y|Je
""",
    "GREY_16": """
|4;u>04YEK0000$0000e00000000000000$0000e0000000000009pH0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?k
dTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00007xc~wGlfVEg0B!X#>r($J{sAGB0KfnhZ~z4G00
iI&2v0=^miPh#GyvSA%K*YO00_3)1A%k^zyKD^00C*h02YWPY=vY554uuap!sY$j=%~)`xEXVKsPr4p`zIU_n>wFe;>zHI|K
}X0+j%dQ{|xAECO9s75o6l0edz8zyKGZKmZq^KmZqJ#fDarOtBB1)N2RdE|hK5M?C<Z<*Z_$0LTYC7_5;c0n{%@z#h>G007Q
%761U`>;j1D*I6*o%mX{na5J9(V-{wDdEtAOsdgyGADK&qpgdMf0{{Tt3;+Nv0RT=00N@G$007Q<#+he1^DJka{S=^k=}HH=
y6Lom$Q+<6kpahyUq;<*HwqQXb8bwi%;?F>YG4EC!3+R82?Pn$3IG5A00aOeH+D9hSX6^M(ts140Kfnj(hvXz^*jIpd+-<rZ
d8eZ7ycXmV*gUF2{`^tD@Gp$n^&2z!u<E*CYV#R|1kk7{4xD7{~Z5ZNS$=%ywl$Y0Aj-K0_B0gWDWl@K!ZQa&(LT78{|8m3)
`sPK>z>%0Aa!g0000$00961000I6Kunl1!V>!hnMc{%CyaAdly^M2ssQk0t6NTvJ4;9rhcNBuI2ef-!vYWk$QdNTIwcG?M}Q
0+Aq+z)wh!Hl<B@`F&?Eo=0N}Ut+R#5?&fwQL3iavjn11yag}+-ayXW;r{{bWn0RR91005i^000m^lnej>kSVMWbPE6=m-G$
*000005C8}RfLLL|0zk}I0K$X?KulO+01#^o0AYm%K<ok#2=>T8Es8<_D{>GCO}d_H@@HK+s>T?}=B_FzRE_Z>aqSL(Fi9B8
0vZN{oKa$skMZB&pVEKP-`(HvzYmKc3?*z>lK=n-0002^w+ptR9|cT@{t*5m{SEok?yuS3-+waMdw;+Sg8%>ofB@J$5Z1syg
MS790R0U`7XkqDh7dX${g4Iam10>ZZ*<yh##GD+v6fD)F=&zTI<rVK3Q_=(gOUQk058=j00sM*006&WKmZ5;0ssIyI)GstV4
wd#_&@%i|4;uP{9pbb{XhFZ{6GFb06_SE^nd>Uc>e+bvj21cL;pv08l4mX0000$2L};LuoM1&{U82+{(t=+{(t^I`#<_W{D1
uadVl!;dH-wwVgFD6PyUbo5C0z~W)XV;pcCg|o5a5VPyV0&5C1RzfBm2SfBql+AO0WyKm9-bAN*hbfBzr-|9pS+fAD|64pc`
001i%x1pt8m2LOQn9{>RV4*&rF9{>RQKL7yyKmLFGKmI@dKU^08;NSoN0O;rd00000(9r<^000009UTAw0002c!2tjO06KC0
R?BU++ijp(Fa;riDI=T#fq*bJrvn23U|_F~1^~do8BQ1j0{~?>U<w2-)-VO93<00{$n}o0te68G>*p=)Nyz5_Vu4+202h|9D
brHGCP}m~u|Ei0sXqu@t-l2T00000000005Nrd0*oFUh>&*WTv8De*u#5js|5yDVI1&DThpqm9urvK1>NNg8*Qxy<bOQfRb=
v<2000000002}U;khKTmJ|DKm8y6fBt{{AO3&-Km8y5AO1i7fBhf+fBt{{AO3&-Kl?xW|9yV|fc5_Y000000000000000000
1hm00xu7cuq!Q4`buK~Bd1FB7Z(A9afUkLy(bA7D5AADTG+e<h~=e-a!0-~Si;KVVk?00000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000000000000000000000CWI!bO7iC&;if^
&;if^(9sE?1E2$-1E2$-1E8Y=Kqr6>fDV8TfDV9;P5>PM9RM8w9RM8w9i0F=1~4OnF@Ojo7y^PZfDN&X06`eQ1W}9tK^VZd9
Kb3DCIL_}Hh@$NOah={VW6lOm<2$@z#6C+m<2$@z$>6JFbaW*fK+H=U=;!`_%8rwIe=6`x0UPW46%&BDguTetzZKstOWw30n
d%1r0ta|EV)v4%9R#et-A*R_#XiH9{_*=z{J-79{^DQKm33E|9$^&|408X|6l(<{Qq_TQ~w_TK>vUH|9$@e0QUcF|8xI;bz1
))009060Pp|+0RaC0bpLPvU;e-S|9t;*|1bYP{eS)cb^lxcFaLk~|91ap{~!N<^#5!BSN}i#fBXM(|6Bim00031{s6%L0RRF
3`2RX$_5TF`sQ+*MfBydf0P6oY{}2Cv{eS&`0D%2}`~P|WXa7(BfB%2@{|f-<{|~Th06+l10f7G>00000000000000000000
00000000000004i06+jB01yBO00aO600Dpi008j+0|5R90R9I6@IL_XKL7y#0|5R90N{TB;C}!B{tp27KLFqXoB@a!fH4Cd7
z|7?Fc_F(Z2^gfCIb@;Of)et#K2-<iGXJl3`_<l7?=!W0}}y>h9(0OXkuV7Fo=BQa5J31VqhWYE5VFr0}}=eYpq}^Ojr^HiU
C5+qNPQbDlEBDqRW*QT&=kV|Je
""",
    "SIGNED_16": """
|4;u>04YEK0000$0000e00000000000000$0000e000000000000EBy0sl|{2mk^A000XAQUDA90ssL31q1{@0smY86Cj9?k
dTm&kdTm&kdTmwh=~7W02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00007xc~wGlfVEg0B!X#>r($J{sAGB0KfnhZ~z4G00
iI&2v0=^miPh#GyvSA%K*YO00_3)1A%k^zyKD^00C*h02YWPY=vY554uuap!sY$j=%~)`xEXVKsPr4p`zIU_n>wFe;>zHI|K
}X0+j%dQ{|xAECO9s75o6l0edz8zyKGZKmZq^KmZqJ#fDarOtBB1)N2RdE|hK5M?C<Z<*Z_$0LTYC7_5;c0n{%@z#h>G007Q
%761U`>;j1D*I6*o%mX{na5J9(V-{wDdEtAOsdgyGADK&qpgdMf0{{Tt3;+Nv0RT=00N@G$007Q<#+he1^DJka{S=^k=}HH=
y6Lom$Q+<6kpahyUq;<*HwqQXb8bwi%;?F>YG4EC!3+R82?Pn$3IG5A00aOeH+D9hSX6^M(ts140Kfnj(hvXz^*jIpd+-<rZ
d8eZ7ycXmV*gUF2{`^tD@Gp$n^&2z!u<E*CYV#R|1kk7{4xD7{~Z5ZNS$=%ywl$Y0Aj-K0_B0gWDWl@K!ZQa&(LT78{|8m3)
`sPK>z>%0Aa!g0000$00961000I6Kunl1!V>!hnMc{%CyaAdly^M2ssQk0t6NTvJ4;9rhcNBuI2ef-!vYWk$QdNTIwcG?M}Q
0+Aq+z)wh!Hl<B@`F&?Eo=0N}Ut+R#5?&fwQL3iavjn11yag}+-ayXW;r{{bWn0RR91005i^000m^lnej>kSVMWbPE6=m-G$
*000005C8}RfLLL|0zk}I0K$X?KulO+01#^o0AYm%K<ok#2=>T8Es8<_D{>GCO}d_H@@HK+s>T?}=B_FzRE_Z>aqSL(Fi9B8
0vZN{oKa$skMZB&pVEKP-`(HvzYmKc3?*z>lK=n-0002^w+ptR9|cT@{t*5m{SEok?yuS3-+waMdw;+Sg8%>ofB@J$5Z1syg
MS790R0U`7XkqDh7dX${g4Iam10>ZZ*<yh##GD+v6fD)F=&zTI<rVK3Q_=(gOUQk058=j00sM*006&WKmZ5;0ssIyI)GstV4
wd#_&@%i|4;uP{9pbb{XhFZ{6GFb06_SE^nd>Uc>e+bvj21cL;pv08l4mX0000$2L};LuoM1&{U82+{(t=+{(t^I`#<_W{D1
uadVl!;dH-wwVgFD6PyUbo5C0z~W)XV;pcCg|o5a5VPyV0&5C1RzfBm2SfBql+AO0WyKm9-bAN*hbfBzr-|9pS+fAD|64pc`
001i%x1pt8m2LOQn9{>RV4*&rF9{>RQKL7yyKmLFGKmI@dKU^08;NSoN0O;rd00000(9r<^000009UTAw0002c!2tjO06KC0
R?BU++ijp(Fa;riDI=T#fq*bJrvn23U|_F~1^~do8BQ1j0{~?>U<w2-)-VO93<00{$n}o0te68G>*p=)Nyz5_Vu4+202h|9D
brHGCP}m~u|Ei0sXqu@t-l2T00000000005Nrd0*oFUh>&*WTv8De*u#5js|5yDVI1&DThpqm9urvK1>NNg8*Qxy<bOQfRb=
v<2000000002}U;khKTmJ|DKm8y6fBt{{AO3&-Km8y5AO1i7fBhf+fBt{{AO3&-Kl?xW|9yV|fc5_Y000000000000000000
1hm00xu7cuq!Q4`buK~Bd1FB7Z(A9afUkLy(bA7D5AADTG+e<h~=e-a!0-~Si;KVVk?00000000000000000000000000000
0000000000000000000000000000000000000000000000000000000000000000000000000000000000CWI!bO7iC&;if^
&;if^(9sE?1E2$-1E2$-1E8Y=Kqr6>fDV8TfDV9;P5>PM9RM8w9RM8w9i0F=1~4OnF@Ojo7y^PZfDN&X06`eQ1W}9tK^VZd9
Kb3DCIL_}Hh@$NOah={VW6lOm<2$@z#6C+m<2$@z$>6JFbaW*fK+H=U=;!`_%8rwIe=6`x0UPW46%&BDguTetzZKstOWw30n
d%1r0ta|EV)v4%9R#et-A*R_#XiH9{_*=z{J-79{^DQKm33E|9$^&|408X|6l(<{Qq_TQ~w_TK>vUH|9$@e0QUcF|8xI;bz1
))009060Pp|+0RaC0bpLPvU;e-S|9t;*|1bYP{eS)cb^lxcFaLk~|91ap{~!N<^#5!BSN}i#fBXM(|6Bim00031{s6%L0RRF
3`2RX$_5TF`sQ+*MfBydf0P6oY{}2Cv{eS&`0D%2}`~P|WXa7(BfB%2@{|f-<{|~Th06+l10f7G>00000000000000000000
00000000000004i06+jB01yBO00aO600Dpi008j+0|5R90R9I6@IL_XKL7y#0|5R90N{TB;C}!B{tp27KLFqXoB@a!fH4Cd7
z|7?Fc_F(Z2^gfCIb@;Of)et#K2-<iGXJl3`_<l7?=!W0}}y>h9(0OXkuV7Fo=BQa5J31VqhWYE5VFr0}}=eYpq}^Ojr^HiU
C5+qNPQbDlEBDqRW*QT&=kV|Je
""",
    "RGB_8": """
|4;u>053oQ0000$0000e00000000000000$0000e000000000000RdB0S5sA2LS>9Pyh%30ssI21OHM03;+TE0RaUB1V91*T
mTawP*_-4SXfwCSXfwCSWr+<|6~9c00B>MWo}APNFY{aav(4+GBz$VF8`1K3IG5A00giA0soW06M*yTE&w5v0002M3E%{f0#
F7G_W%Pl0HP8z0M-D(bN~PVzzWC#R{$!2Yv2_%0Q~}e*y(lvBY>cwL;C<ACY1nFzz7w90LV)<0002M3w8io@B-fhG8xo{Zq0
viP%wHC006`xSK;<8y##Z-5i^|tHMSKO7fCRSAPmX?001OS-~g|6t^3twqX4!UE1m$0My=^dPRPh>0s(-^004oY0@VgnrJ68
{al!x-o&W#<zzfje1?tcO_An8q!W+P(DMrTxgMi&+@)ZK}(&28F4hKyjHn0fe!Lx800005}A<T@KsA6VzUk)bVGS`&j`Z(yV
#*%(=Vgyqi0RXZ=1wIU+A`XiIAP@lXEKD#kI(H}iz}9ZjK>#2G05}W)C;$Ws0t5g60000Gf{2g@Exb`{yLh0l&0JH@6!TXTS
Vq~n<E7zLv%gOTNFc!k4denZfEfiB4Js4Y3-uaK2srEu1k}x7qQi%fg=Wv>FS)&-Az&aGgb)J+BoLs%!hnZ>i-90fev>@=fc
{ah7v!B%_>a@O(qB#OIeAmU>4pt-m(x`eJX??c5C;fC0FZ+%cme<bz!%yO1^Nd7U!b5O6h#1_hUdrQ>HKhk^mKT9fbjV2@dD
}j@K^%{0KicSzYagY4nLnA9X@^?etsQ(J{=uCWOo3trtj0!;pO+~=h5Ne)6>D_*Xak+;X%*@fb#h9_yG9u=mF{YPyhe`0000
000000;13pCWn_pJ@IPIKHrvbM&0b*Zsfr6Vd4sN|DQwl|4!W44s`Ce3Oi<2X>!1mjYgw6S#QB4+r+>~ztabA0aUFFxdil$H
SI(zrT}(h|#sxBC7!=)zU`yoRy1Y1Q9;ANi@a6^p00000VETo3=2z)p@p<iV@N4yx>5%bB?ErXY9RL6Tboy=&zYagY4nLoc4
j;b`Kfew?pB?=kV0{1p005ilFZFThfbm=PljunGq3N*kEA_+ZzWiVT000000000000000000000000000000000000000000
00000000008g?a8(-CwT?LA3ZU6cWmQ#NU3J+^Wlb@aRaJ3y*JUx4Rg)^Js^aUe%3~_4Evl-j;_I%;V=AjTvZ|`$>#mzqDyu
o;8mi*!u9!vN1?DcMt}eRlvnzRCzF_?9dEIr{Odw!JFaeOp0)Y?!;J0VLe*F5U&26}%-@ku7-v<VmVFn1>etr7+@z>wy*Z0R
?pMHM+|9$-W`uwBy2_OR;008K--(TN;{`~dp>#uKLe|`J;^QT{5e|`J%-4DP30|NN6`ugeH&!3-ufBgIU{QCCu=cnHve|`E`
0|E>&00aU6000mO004mi05D*N8DM}6Gr#~h%m4#Sm;nZu<2VQog5%%@wXI{UaRpJWXx1vKtmlien98cEtg5Q4=ZmtK%Brfkr
o~y$7iBS(RaJ3yHCfLWWigdiRdIFH+0PecF_l$Sadp>ctBbOj%IYEWkS<Zh*-T|s)I9}w38&|j##K@UMHs+Th%h7x1P8>Mx%
E$)X|0QX{rUAzncN2e0RPz
""",
    "LOSSY_8": """
|4;u>04YEK0000$0000e00000000000000$0000e0000000000009R90sl|{2mk^A001KYQUDA90ssL31q1{@0RLP7BO-Tnc
SUzacNcG5Z(MIZXR2qaXTnf5P&H6^NE%2QSHJ&c02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*00003A^-vZlfVH~w_B?Pto
#9oGyuQ>Q2+$c08GqMjivy@Gyqon03tL1@bds7GyuQ?z5o@l0IIo-C63F0EJ2U~XL1>q01Xm=Xd^!w762dul>n_o8&$gVG6O
UKzy;Dk1<}9-x(AGepf*A97by}F0N}x}!uR145kT+&IhnhJrX%7sLI5+K01c8nCCI?`A_ap3K~MleW@Q%nAd}rmH}5ko7(>0
_iC2&T4Z&nBtL%gfO(=qgAVwe~fFR%?0|J0c0ss@50KgY(0A1VxcHj$kK+mA=L;)OLQS9?_{x5M<WQWHDD1^fr<jL5DDFB!7
Qh-_RBUvS%UINFX@qUvKBb5O`C<;fM08|T-0vv%d%<$0t!a^dTC|UU7m4pBT6HoyF{y#&my6xQVq#}8JhE`&OvM4}=5SD@r$
pH_zf!II+!Uh!pu(lYK4F)0z9EY$46^YZU0b}3+AV461006*0-~k?kmc0~wE)T*0GJ_hz0l+V#;1|#k1@t&DRjLHQLkgcQ<x
6oOY1q&MABwLO2a<*i?}<Jv60&)@f_a>Roz#n`)wPOwoPwRyi>tA*MM5CSYP}Hb!24=H)AZ^M!45oM+E0^ix+fqe07wc_6et
P;1U3Xn3Q`m(3Ic)+fpiG`-~Rvr0KfnYz2lWgP(cO&0j3!UKvaSd6bvwZ>JG4+S&1w+)&d9&05br>&R0MODr={Z{(A*t!6}o
2NbAFg__UD%CsfW*fjy_Q=u{VrYG={uEIP@1L#n&Ha3sj1+})|j!JG=jz%Eaf<ZRAAZc;zFf&vr_ATSKz6xaW74#e%3?X-6a
YrZ|WRmkrv*Uc~8GnXJQawr~7JBBrhI8QP+*#cpg+DIF~upkSWr9ut`;mIrKlV2+G6D(ggg<)p~76lq5K0@zSqoY?JqaPomA
6KKJt3F1b-i7#>;Ft)Y&zW`${zRtwJ#ki-^59Qos^1gatQfq20}_@60<o|x5TybB!~b}-t!q}S2#0qDkr;Xk`RD>3Kw%6?O8
@{@EFIM2u_wn>0{__
""",
    "WORDS": """
|4;u>04YEK0002c0000m00000000000002c0000m0000000000009R90sl|{2mk^A00092QUDA90ssL31q1{@0smY86Cg-XP
*6}%P*6}%P*6}vNJ#%=02crOPjF>!N>E53R%LP^FfKASE;BCwkN^q*0000B_W%L^lfW%t$;DA~IG_Dn>svZI-~fOP`TzjeIR
L;GgaKUuRsb%Dg@6MVRMq$Z5kMe?mjDVnT(!~s05W^1Al5hl;F94~^8k%tfYEmVz!zZvU1R}upgcL!@d7Ifq~@&<a5v3}@ix
wBw+SIZ0^}oF{2l8E00Ql6S-=1W^Z)=5f&dYc0lq;(x;QIXaE3FQOgT)9GAY`mEKM+K<W{cy02aSn(2MSr5GyGmtPm=Z0sMr
M7?Ykvt=TH_6>b4CNC<92vAIMCBp9Y8!@vLsYg*1Afcyd?B>(_hkO9CKzCahZKo_|HcEAAxY@vrie3BGTK>!5;-D%|@&hV_#
RBqMod0mKLMqp+B*6EMYl;P(?Zq8x36rFAZsznL_2mnQ(Ai!bZ$$%ojLEsCZ_kaoD0N6knLWn@nDKHHP3xR+Z01RblE=Z|tg
q@1VlU}$W=eRn_jUg5^rWR@=iD%RT6uK8Ia0nm?LW_d&7=XY4Xc+)FqCutl0Z{8tJQRZ9VLDiu3X8B(8K+=5A~IDSnJ7X8@$
)bd3n~Nx0U-mJBoYD*z=6U5KqBx1i(1zwYg*1BDI`ToR)$mvGKv5p<b<Ci$kH5jA<uF@(*l78uJ8jt5CX(t0*q(iC`Jj08Hf
pJN-+XE5a6z0_K>IJuh5{%*?U={;R_IAi&1_QEr>{TK@Cq4Vpuagpw9?_K_a3#C<rVJ9ueqL;RBP~S;=c!)%gkr;;9UvQj~C
md@yXxArat2dG8`3q#9EKz!&N40e+gm7wC`{5<woSh@uSuw8AXJ5FQ9L(Kvx5RGQ#$2?U5hOHW~-UXTY6D#T$Iv8V7fl0RGo
l#|h$g%GX1M~{yW3Y@u?!hw=8p=IU9Pz*2z0Ax);3X9CGa{mn*b3}Wj_6O9c5x{>&%sU_u(d}#&?eTm=L-KoT6707LfoCzx%
Y%XwO2&i(4U<w^Wenp`6wox`$3#&?fhiW(|6WO<(BJC?VLYhZ(&X0JdW#SR00a&JzyL5vSO78#Gy)a^ItTz91S$gnAn+O-Fc
GM+5CCuhBa3DN&<G@zfP(Z1{Qp=FfB*mh3^AEzGB5T93o_Wc>6f^9JeLT}@6Oi;Z2xa-#3?LIL#2?R1Rh2%8eG;0ktC1VB-g
HyQjq{Z001T)2qni1K=Jd@2tX$s5heNn0R7ki1v+rSPCUN_0BVMZKnj793<yK4LKIvc9!cpHpkO0-LvsUo0=3ZEpbelZG{S|
#wgNODL3j#hz<{6vlJS3lT`oWq0q+GS*dPc1h$yf)Z~%Cq0!UFOuuI{<?u1Y}8Ylor5QP*gxIt(Vf)K&Lgj4d#s+C3p5Q6qD
u8%{}(EywrXl&R{=mg-~fXyHU2mw$8ur06#aDoviX;}avm%;%@xLt^11{>)enpErv4Mc32?#UxXMuzKvcZHX5p<o~xPzE?KA
Sf^}05~)l7ytoFKn@OA1k?}+(7>Sh|6A#HwXL#WwSLyMt!rA=Z~(x5O(3cW^PIpa>H`Pii~@AV011zzlrG)FPzj{$D$pQM!V
>_&1u={QVZuNq(*VFHOhE!%afk|Z#uA&cM5jzb0GTn20(A4;1t>D)<zS7>%&VLaML9F-ig+v*I6y**1BwHI@zx+r!M4c~(Sn
zNVt@mlM)o0M*UY6dX3N3zcN?<0mI2_Z2*3t9Pcl*0;7G+#NEil!%>zOuQXU#93^g{06#jLPFno$7`w!rGP(_I=;TSNaTvQ-
J*a9j9gV_)sIH>|iB9OuWHbfwZ$tGN04G6C9w~1gq`Zsz8(Up)`K@{;g#sMQuup|I73de~8U||6c3K(J{0BHRGSPlFOPVVw)
Yv|<dYWtDY?2b*r1vJ911ala5*~-Kaj0$qX5DCj`j@HV&P-BCou6(=%qIkfE;1CqUh+s>mD1_sPBe94;6Q(GV{RlvQ>>&c3F
bE29^V|jC8}}=HZGdmpP4xZ&zd*Or0FOxoCk};h^@#z4P!3TBpu&7iI!H#G41mHk02K~9QGHAhEJ8@;BOxM*2mk{D%Hsim=8
0e&27`(YjEPW2fnYM@+!*L^B$GI<)eZ&)1(OMmYZ{K5S`~vqgy1w8;1PTm+LF=7$NK*t!YaC^`xqQ_bgU25_RH665b1*QT}Q
{HBplaj2ZMrw$pptW4Tn1|fPuwephpH4fg1|?cu+nc7VG~X6mT>XxM4OJbaWgJt)$&TRDC^ygAPYBiQ`)BU{Fvnnc%pl;c%w
*0E0n<;4~>#g#=d$`FvQc|33;41P2V}9Q;Gwz<^+?gP;82vKBg+>umwZQsQJzBEb~Q;Ifk-n8$xG7r-Y2BLZ7KW5y^q0!!uX
sF)pl_`sbAEP^Ob!W0uiahwRGOT!rdeBc0}PIw>SmcNym*$Yb2)=1KB4h~5>`DpOBIWEsh7wJz*Z(I==&I_j(r$~I_=P8@c2
BIYrc%NB08rFZ8{#-tEUa+f|e`7>Scs2OMBPzek|1KXOcr>c`(HW7I75=hPGE4lw^5OH5m5Qao2o(Jg6A(bB7$PUkA_6%uh`
||zKM0IM0sEl{58a4BQ}jVhLD&h%;o~$+qRB0AqKKpjK^UQj$0g@AFv1Gp0;(Z2F~=lADF?~u<755*2E79nEKbi~L6Rct5~N
Dgw+J!}KOYwB|928mAp|lH0Ud#kOaKcEn>Dz6^Z$IXSpR=egU^A(#X%o`GRCnYsI@=<L%9)HDsM-{>@aGCAnpHn;0|X4KbV#
0X9oy&?az!brLXaHl=<}BP*}Q10HHfX;H}e~7=i&Cu<{`OC<(d%kIUgW5P<#L0}uXyj?r+SOcuo#fV#mI9t0&L1XnPiR$vZh
HZwPKx3%o1;4`oeIgb-#G0f424u6~}3bs!Oaq#~cH9-SJi8Lt&5Gtdm!h}o^P}1^51IY&U572$2goByQ%+2I-5eA?zh(TNiz
JY}3h#@hK2^f{sf(Q}49?-19GMy;~{ZYc9aDdn@3jHP=#h$3z+sxd|YzF==2ok1+&CJcrX7D%gryyZkxS83^+-$wp^N(i`0d
kw@+*oij)Xz1|gJ$k#TWw_(hB7Gq`~Q640FmpUe*gdg000003E)H^IkOOT1z^62AbVyZ0neC(0k&cg9QlYqGv*+H&RBw5Xrf
9UAtD9w1wmK<(nz^TdDNw002tYbKy&7if(4@!gFqY^07bJq1Q49(g$Mp&2+w{$2!Q9zK?9pH2o8M20}yYA2taS%A#dIw0AJ9
ce#{^^2-0#0n+R!)1WY6#HOqL>L8}zv@HkUYV12?6503+pED8anKrqcPViqDWuwS;~BAEe*fc<k7d?MCI#o|3n)uqHan9vo0
AC+L4NLbh_nuUhLA%Ya9HbpBaX#t+q&o#{h&D>^NZN=jMc>e$Z00IyU`G{P}!q%rR<8#v$vXW#{=oB0T2#X2QD6lYqxPk{hU
=R%Xh;t}J12%O7LDEA%U?-r7_5cARc0pjmj&t?BQUytxB#L;PaWpK3gb6$##GV0Yw5k_?9fTCE8xU$DT#{Sslq5pgFmSWY3M
i}der3~;NhG60G(<*nXgfXtxLU#~fG~1(g8&Q=7*HA#;30qqxeK_BkXYUpv&>+&l`KCWFhD3azcF&zQ3YPL>o5@ieBc0}PsB
NZNI&oZ0000mON1ah-Vk0X{7?{q>^KBq1PSfHKY(Tsfq&>CN8BL-(%}c81%kK$Rsr2~`Wqe+RI>H>L|_QQ3UA!6^Z+sdW!*s
t1m}bcga9*)5CF`WLI85$5r7i_f5E~KKh_AJ?}Q*1bRf(iI|rhq!6c0b35OB6P?S|m3?-Ss0}&li`#1}d0%3q$D$5{+KnlT&
gSt{mVWq(xphyt$JhFFC>;_@F3bg>|go3pMN91W7D^QFGY(LcqfB--)9aZ3}{r`C24u=2$0uVd?5P`nh8UX=D0A7KMAf%F4L
`m^GhZX1mKg$v*iUIr~0Gpuz5BY>t${_&#*#rOC
""",
}  # fmt: skip
