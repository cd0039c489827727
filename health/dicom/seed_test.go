package dicom
import ("testing";"os";"fmt";"bytes";"image";"image/jpeg";"image/color";"path/filepath")
func TestSeeds(t *testing.T){
 put:=func(target,name string,b []byte){ d:=filepath.Join("testdata/fuzz",target); os.MkdirAll(d,0o755); os.WriteFile(filepath.Join(d,name),[]byte(fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n",b)),0o644)}
 mk:=func(syntax string)[]byte{ var b bytes.Buffer; e:=NewEncoder(&b,syntax); e.Start(syntax,"1.2.840.10008.5.1.4.1.1.7","2.25.1")
  e.Text(SpecificCharacterSet,CS,"ISO_IR 192"); e.Text(Modality,CS,"OT"); e.BeginSequence(0x00081140); e.BeginItem(); e.Text(0x00081155,UI,"2.25.4"); e.BeginSequence(0x00081199); e.BeginItem(); e.Text(PatientName,PN,"A^B"); e.EndItem(); e.EndSequence(); e.EndItem(); e.EndSequence()
  e.Text(0x00091001,LO,"MANX TEST"); e.Bytes(0x00091101,UN,[]byte{1,2,3}); e.Text(PatientName,PN,"Phantom^Pat")
  e.Ints(SamplesPerPixel,US,1); e.Text(PhotometricInterpretation,CS,"MONOCHROME2"); e.Ints(NumberOfFrames,IS,2); e.Ints(Rows,US,3); e.Ints(Columns,US,5); e.Ints(BitsAllocated,US,16);e.Ints(BitsStored,US,12);e.Ints(HighBit,US,11);e.Ints(PixelRepresentation,US,1); e.Floats(RescaleIntercept,DS,-1024); e.Floats(RescaleSlope,DS,1)
  e.Bytes(PixelData,OW,make([]byte,60)); if err:=e.Close();err!=nil{t.Fatal(err)}; return b.Bytes()}
 for n,s:=range map[string]string{"implicit":ImplicitVRLittle,"explicit":ExplicitVRLittle,"big":ExplicitVRBig,"deflated":DeflatedLittle}{ put("FuzzScan",n,mk(s)); put("FuzzPixels",n,mk(s)) }
 put("FuzzScan","bare",mk(ImplicitVRLittle)[132+60+140:])
 c:=losslessCase{rows:7,columns:9,samples:3,precision:8,predictor:5,restart:2}
 ll:=encapsulate(t,JPEGLossless,7,9,8,3,c.stream()); put("FuzzPixels","lossless",ll); put("FuzzScan","fragments",ll)
 im:=image.NewRGBA(image.Rect(0,0,19,18)); for i:=range im.Pix{im.Pix[i]=byte(i*i)}; _ = color.White
 var jb bytes.Buffer; jpeg.Encode(&jb,im,nil); put("FuzzPixels","baseline",encapsulate(t,JPEGBaseline,18,19,8,3,jb.Bytes()))
 put("FuzzPixels","rle",encapsulate(t,RLELossless,3,5,8,1,append(append([]byte{1,0,0,0,64},make([]byte,59)...),[]byte{0xFD,7,2,1,2,3,0xF9,9}...)))
 one:=mk(ExplicitVRLittle); put("FuzzPixels","bits",bytes.Replace(one,[]byte("US\x02\x00\x10\x00(\x00\x01\x01US\x02\x00\x0c\x00(\x00\x02\x01US\x02\x00\x0b\x00"),[]byte("US\x02\x00\x01\x00(\x00\x01\x01US\x02\x00\x01\x00(\x00\x02\x01US\x02\x00\x00\x00"),1))
}
